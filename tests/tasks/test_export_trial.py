"""The paired test of precisions: what is said, how it is judged, what follows; by made-up hearings and a real ear."""

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tasks.export import describe, run, training_rows
from tasks.export.ear import ExactingListener
from tasks.export.lines import lines_to_say
from tasks.export.listening import stretches
from tasks.export.pace import faster, smaller
from tasks.export.paired import Hearing, averages, compare, doubts, heard_alike, reasons
from tasks.export.precisions import figures, shipped
from tasks.export.trial import Candidate, Trial
from tasks.export.voices import graph_voice, passages, torch_voice, torchscript
from tasks.params import ExportParams
from voiceloom_model.eight_bits import Speaking
from voiceloom_model.export.trial_text import trial_text
from voiceloom_model.nn.synthesizer import Synthesizer
from voiceloom_model.runtime import Voice
from voiceloom_model.runtime.bundle import check_sums, read_description
from voiceloom_model.text import Lexicon

SENTENCES = Path(__file__).parents[2] / "data" / "sentences"
PARAMS = ExportParams(
    precisions=["fp32", "int8"],
    parity_lengths=2,
    parity_tolerance=1e-4,
    paired_sentences=4,
    asr_model="whisper-tiny",
)


def hearings(n=200, errors=0, expected=0.0, similarity=0.85, dnsmos=2.6, seed=0):
    """n stretches of ten words, two of them wrong, with `errors` more counted in a tenth and `expected` more in all."""
    generator = np.random.default_rng(seed)
    base = generator.integers(0, 5, n)
    extra = [errors if index < n // 10 else 0 for index in range(n)]
    jitter = generator.normal(0, 0.1, n)
    return [
        Hearing(
            f"{index} {more}", int(few) + more, 10, float(few) + expected, 10, similarity + noise / 10, dnsmos + noise
        )
        for index, (few, more, noise) in enumerate(zip(base, extra, jitter, strict=True))
    ]


class TestDecision:
    def test_the_same_hearings_lose_nothing_and_exclude_harm(self):
        losses = compare(hearings(), hearings(), PARAMS)
        assert {name: (loss.mean, loss.low, loss.high) for name, loss in losses.items()} == dict.fromkeys(
            ("expected_wer", "wer", "similarity", "dnsmos"), (0, 0, 0)
        )
        assert reasons(losses) == [] and all(loss.harm_excluded for loss in losses.values())
        assert heard_alike(hearings(), hearings()) == 1

    @pytest.mark.parametrize(
        ("worse", "measure"),
        [
            ({"errors": 1}, "of word error rate"),
            ({"expected": 0.06}, "expected word error rate"),
            ({"similarity": 0.82}, "similarity"),
            ({"dnsmos": 2.5}, "DNSMOS"),
        ],
    )
    def test_each_limit_refuses_by_itself(self, worse, measure):
        (reason,) = reasons(compare(hearings(), hearings(**worse), PARAMS))
        assert measure in reason and "allowed" in reason

    def test_a_loss_within_the_limits_passes_and_the_interval_says_whether_harm_is_excluded(self):
        little = hearings(errors=1, n=1000)
        assert compare(hearings(n=1000), little, changed(max_wer_increase=0.02))["wer"].harm_excluded
        loss = compare(hearings(n=1000), little, changed(max_wer_increase=0.0101))["wer"]
        assert loss.mean == pytest.approx(0.01) and loss.low < 0.01 < loss.high
        assert not loss.too_much and not loss.harm_excluded

    def test_counted_errors_refuse_only_where_harm_is_shown(self):
        """A tossed coin counts ten errors more here and nine fewer there: past the limit, but nothing is shown."""
        exact = hearings(n=100)
        tossed = [
            dataclasses.replace(one, word_errors=one.word_errors + (4 if index < 8 else -4 if index < 14 else 0))
            for index, one in enumerate(exact)
        ]
        losses = compare(exact, tossed, PARAMS)
        assert losses["wer"].mean == pytest.approx(0.008) and losses["wer"].too_much and not losses["wer"].shown
        assert reasons(losses) == [] and doubts(losses) == []

    def test_gains_are_no_losses(self):
        assert reasons(compare(hearings(errors=3, dnsmos=2.0), hearings(), PARAMS)) == []

    def test_pairing_makes_the_interval_narrow(self):
        paired = compare(hearings(), hearings(errors=1), PARAMS)["wer"]
        unpaired = compare(hearings(), hearings(errors=1, seed=1), PARAMS)["wer"]
        assert paired.high - paired.low < (unpaired.high - unpaired.low) / 3

    def test_unknown_measures_are_left_out(self):
        nobody = [Hearing("", 0, 0, 0.0, 0, None, 2.0)] * 5
        losses = compare(nobody, nobody, PARAMS)
        assert set(losses) == {"dnsmos"}
        assert averages(nobody) == {"wer": None, "expected_wer": None, "similarity": None, "dnsmos": 2.0}

    def test_a_known_difference_is_weighed_by_words(self):
        exact = [Hearing("", 0, 30, 0.0, 30, 0.9, 3.0), Hearing("", 5, 10, 5.0, 10, 0.9, 3.0)]
        other = [Hearing("", 2, 30, 1.0, 30, 0.8, 3.0), Hearing("", 5, 10, 5.0, 10, 0.9, 3.0)]
        losses = compare(exact, other, PARAMS)
        assert losses["expected_wer"].mean == pytest.approx(1 / 40)
        assert losses["wer"].mean == pytest.approx(2 / 40) and losses["similarity"].mean == pytest.approx(0.05)
        assert (losses["wer"].low, losses["wer"].high) == pytest.approx((0, 2 / 30))


def changed(**values):
    return ExportParams(**{**PARAMS.model_dump(), **values})


class FakeEar:
    """Hears what it is told to by label, and remembers whom."""

    def __init__(self, **heard):
        self.heard, self.asked = heard, []

    def hear(self, voice, several, label):
        self.asked.append(label)
        return self.heard[label]


def held(monkeypatch, ear, is_faster=True, is_smaller=True):
    monkeypatch.setattr("tasks.export.pace.faster", lambda *_: is_faster)
    monkeypatch.setattr("tasks.export.pace.smaller", lambda *_: is_smaller)
    passage = SimpleNamespace(kept_durations=lambda _: 0.97)
    trial = Trial(None, Path("fp32"), [passage], [], ear, PARAMS)  # pyright: ignore[reportArgumentType]
    return trial.hold([Candidate("int8", None, Path("int8"), None)])  # pyright: ignore[reportArgumentType]


class TestTrial:
    def test_what_loses_nothing_ships(self, monkeypatch):
        report = held(monkeypatch, FakeEar(fp32=hearings(), int8=hearings()))
        assert shipped(PARAMS, report) == ["int8", "fp32"]
        assert figures(report)["int8_passes"] is True and figures(report)["int8_wer_loss_high"] == 0
        assert report["candidates"]["int8"]["durations_kept"] == 0.97
        text = trial_text(report)
        assert f"| int8 | {averages(hearings())['wer']:.1%} | +0.0 points (+0.0 … +0.0) |" in text
        assert "harm past the limits is excluded" in text

    def test_what_harms_is_refused_and_the_card_says_why(self, monkeypatch):
        report = held(monkeypatch, FakeEar(fp32=hearings(), int8=hearings(errors=4)))
        assert shipped(PARAMS, report) == ["fp32"]
        assert figures(report)["int8_passes"] is False
        assert "int8 is refused: it costs 0.0400 of word error rate, 0.005 allowed." in trial_text(report)

    def test_what_passes_with_doubt_says_so(self, monkeypatch):
        doubtful = hearings(seed=3)
        report = held(monkeypatch, FakeEar(fp32=hearings(), int8=doubtful))
        assert report["candidates"]["int8"]["passes"]
        assert "the interval of expected word error rate" in trial_text(
            report
        ) and "harm is not excluded" in trial_text(report)

    @pytest.mark.parametrize(("slow", "large"), [(True, False), (False, True)])
    def test_what_is_of_no_use_is_refused_unheard(self, monkeypatch, slow, large):
        ear = FakeEar()
        report = held(monkeypatch, ear, is_faster=not slow, is_smaller=not large)
        assert ear.asked == [] and shipped(PARAMS, report) == ["fp32"] and report["fp32"] is None
        assert f"int8 is refused: it is not {'faster' if slow else 'smaller'} than float32." in trial_text(report)


@pytest.fixture(scope="module")
def listener(tmp_path_factory):
    return ExactingListener("whisper-tiny", tmp_path_factory.mktemp("models"))


class TestEar:
    """Clear synthetic speech, heard by the smallest Whisper."""

    def test_what_is_said_is_expected_and_what_is_not_said_is_not(self, listener, spoken):
        text, wave = next(iter(spoken.items()))
        right = listener.expect(wave, "en-US", text)
        wrong = listener.expect(wave, "en-US", "Seven brown horses sang loudly.")
        assert right.words == len(text.split()) and right.errors < 0.3 * right.words
        assert wrong.errors > 0.8 * wrong.words and right.heard == wrong.heard

    def test_noise_raises_what_is_expected_bit_by_bit(self, listener, spoken):
        text, wave = next(iter(spoken.items()))
        noise = np.random.default_rng(0).standard_normal(len(wave)).astype(np.float32)
        errors = [listener.expect(wave + level * noise, "en-US", text).errors for level in (0, 0.02, 0.1)]
        assert errors == sorted(errors) and errors[0] < errors[1] < errors[2]

    def test_a_language_it_does_not_know_is_not_heard(self, listener, spoken):
        assert listener.expect(next(iter(spoken.values())), "xx", "Hello.") is None


class TestLines:
    @pytest.fixture
    def lines(self, features_table, bundle):
        lexicon, description = Lexicon.load(bundle / "lexicon.tsv"), read_description(bundle)
        return lambda count: lines_to_say(features_table, SENTENCES, description, lexicon, count)

    def test_held_out_texts_come_first_then_everyday_ones_then_those_trained_on(self, lines):
        everything = [line.text for line in lines(1000)]
        assert set(everything[:2]) == {"Thank you for calling our office.", "That agent is already logged on."}
        assert set(everything[-2:]) == {"Please enter your number.", "Good morning, my friend."}
        assert len(everything) > 20 and [line.text for line in lines(3)] == everything[:3]

    def test_a_wording_is_said_once(self, lines):
        words = [line.text.lower() for line in lines(1000)]
        assert len(set(words)) == len(words)

    def test_stretches_hold_every_passage_once_and_stay_short(self, lines, bundle):
        description = read_description(bundle)
        said = passages(lines(12), graph_voice(bundle / "fp32", description), description, 0)
        several = stretches(said, 62.5)
        assert [passage for stretch in several for passage in stretch.passages] == said
        for stretch in several:
            frames = sum(int(passage.plan.durations.sum()) for passage in stretch.passages)
            assert len(stretch.passages) == 1 or frames / 62.5 + 0.5 * (len(stretch.passages) - 1) <= 14


class TestVoices:
    def test_all_speak_with_the_same_durations_noise_and_breath(self, checkpoint, quantized, bundle, features_table):
        description = read_description(bundle)
        synthesizer = Synthesizer.from_folder(checkpoint).requires_grad_(False)
        lines = lines_to_say(features_table, SENTENCES, description, Lexicon({}), 2)
        exact, int8 = (graph_voice(bundle / name, description) for name in ("fp32", "int8"))
        said = passages(lines, exact, description, 7)
        script = torch_voice(torchscript(quantized / "voice.int8.ts"), synthesizer, description)
        network = torch_voice(Speaking(synthesizer), synthesizer, description)
        for passage in said:
            waves = [passage.spoken_by(voice) for voice in (exact, network, int8, script)]
            assert {len(wave) for wave in waves} == {int(passage.plan.durations.sum()) * 256}
            assert np.square(waves[0] - waves[1]).mean() < 0.01 * np.square(waves[0]).mean(), "rounding moves pulses"
            assert all(np.abs(wave - waves[0]).max() > 0 for wave in waves[2:])
            assert passage.kept_durations(exact) == passage.kept_durations(network) == 1
        again = passages(lines, exact, description, 7)
        np.testing.assert_array_equal(said[0].spoken_by(int8), again[0].spoken_by(int8))
        assert not np.array_equal(said[0].plan.noise[0, 0], said[1].plan.noise[0, 0])
        assert not np.array_equal(*(one.plan.breath.standard_normal(9) for one in said[:2]))

    def test_pace_and_size(self, bundle):
        class Slow(SimpleNamespace):
            def spoken_by(self, voice):
                return sum(index for index in range(voice))

        assert faster(200_000, 20_000, [Slow()]) and not faster(200_000, 200_000, [Slow()])
        assert smaller(bundle / "fp32", bundle / "int8") and not smaller(bundle / "int8", bundle / "int8")


@pytest.mark.slow
def test_the_stage_listens_and_says_what_came_of_it(
    checkpoint, quantized, features_table, lexicon, tmp_path, monkeypatch
):
    """Graphs as small as these gain little speed, so any will do here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tasks.export.pace.FASTER", 1e9)
    inputs = {"checkpoint": checkpoint, "quantized": quantized, "features": features_table, "lexicon": lexicon}
    outs = {"voice": tmp_path / "voice", "piper": tmp_path / "piper"}
    metrics = run(**inputs, sentences=SENTENCES, **outs, export=changed(piper=False))
    assert [path.name for path in outs["piper"].iterdir()] == ["MODEL_CARD.md"]
    report = json.loads((tmp_path / "voice" / "contract.json").read_text())["paired_test"]
    assert report["lines"] == metrics["paired_lines"] == 4 and report["asr_model"] == "whisper-tiny"
    for name in ("int8", "torchscript_int8"):
        verdict = report["candidates"][name]
        assert set(verdict["loss"]) == {"expected_wer", "wer", "similarity", "dnsmos"} and verdict["smaller"]
        assert verdict["passes"] == (not verdict["refused_because"])
    ships = Voice.load(tmp_path / "voice", precision="fp32").description.precisions
    assert ("int8" in ships) == report["candidates"]["int8"]["passes"] == (tmp_path / "voice" / "int8").is_dir()
    check_sums(tmp_path / "voice")
    assert str(report["lines"]) in (tmp_path / "voice" / "MODEL_CARD.md").read_text()
    front_ends = json.loads((features_table / "statistics.json").read_text())["front_ends"]
    config = json.loads((checkpoint / "config.json").read_text())
    assert describe(config, training_rows(features_table), front_ends, PARAMS).precisions == ["int8", "fp32"]
