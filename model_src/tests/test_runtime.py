"""Speaking from a bundle of random weights: what comes out is no speech, but it must be the same every time."""

import hashlib
import itertools
import subprocess
import sys
import threading
import warnings
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_voice import change_description, description, make_bundle, unit_vector

from voiceloom_model import text as front_end
from voiceloom_model.runtime import Voice, network
from voiceloom_model.runtime.bundle import write_sums
from voiceloom_model.runtime.cloning import resample
from voiceloom_model.runtime.passages import passages
from voiceloom_model.runtime.reading import MAX_TOKENS
from voiceloom_model.runtime.voice import PAUSE_S
from voiceloom_model.runtime.windows import FIRST_FRAMES, LEAST_FRAMES, NEXT_FRAMES, windows
from voiceloom_model.text import front_end_identity

TEXT = "Good morning, my friend."
#: Three passages of more than one window each.
LONG = (
    "A sentence that goes on for quite a while, and then, long after all others, it comes to the end of its way. " * 6
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("made") / "voice")


@pytest.fixture(scope="module")
def without_source(tmp_path_factory):
    """A bundle whose decoder makes sound of a spectrum."""
    return make_bundle(tmp_path_factory.mktemp("made") / "istft", "istft")


@pytest.fixture(scope="module", params=["source int8", "source fp32", "istft int8"])
def kind(request, bundle, without_source):
    """A bundle and a precision."""
    decoder, precision = request.param.split()
    return bundle if decoder == "source" else without_source, precision


@pytest.fixture(scope="module")
def voice(bundle):
    return Voice.load(bundle)


@pytest.fixture(scope="module")
def spoken(kind):
    """A voice, and what it makes of `LONG`."""
    voice = Voice.load(*kind)
    return voice, voice.say(LONG, seed=1)


@pytest.fixture
def copy(tmp_path):
    """A bundle to be changed."""
    return make_bundle(tmp_path / "copy")


def test_the_same_seed_gives_the_same_bits_and_another_other_ones(bundle, voice):
    first = voice.say(TEXT, seed=3)
    assert first.dtype == np.float32 and first.ndim == 1 and np.abs(first).max() <= 1
    assert len(first) % 256 == 0 and len(first) > 16000 * 0.5
    np.testing.assert_array_equal(first, Voice.load(bundle).say(TEXT, seed=3))
    assert not np.array_equal(first, voice.say(TEXT, seed=4))


def test_int8_is_near_fp32_but_not_it(bundle, voice):
    exact, near = Voice.load(bundle, precision="fp32").say(TEXT), voice.say(TEXT)
    assert not np.array_equal(exact, near)
    assert abs(len(exact) - len(near)) <= 0.1 * len(exact)


def test_speed_divides_the_length(voice):
    lengths = [len(voice.say(TEXT, speed=speed)) for speed in (0.5, 1.0, 2.0)]
    assert lengths[0] == pytest.approx(2 * lengths[1], rel=0.1)
    assert lengths[2] == pytest.approx(lengths[1] / 2, rel=0.2)


def test_speakers_and_vectors_are_the_same_thing(voice):
    assert voice.speakers == ["ada", "bert"] and voice.languages == ["en-GB", "en-US"]
    by_name = voice.say(TEXT, speaker="bert", language="en-GB")
    np.testing.assert_array_equal(by_name, voice.say(TEXT, speaker=unit_vector(1), language="en-gb"))
    assert not np.array_equal(by_name, voice.say(TEXT, speaker="ada", language="en-GB"))


def test_a_speaker_has_a_language_of_its_own(voice):
    word = "Tomato."
    np.testing.assert_array_equal(voice.say(word, "bert"), voice.say(word, "bert", "en-GB"))
    assert not np.array_equal(voice.say(word, "bert"), voice.say(word, "bert", "en-US"))


@settings(max_examples=20, deadline=None)
@given(chunk_s=st.floats(1e-4, 30))
def test_stream_is_say_to_the_bit_in_chunks_of_any_size(spoken, chunk_s):
    voice, whole = spoken
    chunks = list(voice.stream(LONG, seed=1, chunk_s=chunk_s))
    np.testing.assert_array_equal(np.concatenate(chunks), whole)
    size = max(1, round(chunk_s * voice.sample_rate_hz))
    assert all(len(chunk) == size for chunk in chunks[:-1]) and 0 < len(chunks[-1]) <= size


def test_stream_comes_window_by_window_with_pauses_between_passages(spoken):
    voice, whole = spoken
    chunks = list(voice.stream(LONG, seed=1))
    np.testing.assert_array_equal(np.concatenate(chunks), whole)
    pause, hop = round(PAUSE_S * voice.sample_rate_hz), voice.description.hop_length
    firsts = [number for number, chunk in enumerate(chunks) if not chunk[:pause].any()]
    assert len(firsts) == len(list(passages(LONG))) - 1 == 2 and len(chunks) == 6
    assert len(chunks[0]) == FIRST_FRAMES * hop and chunks[firsts[0]][pause:].any()
    assert max(map(len, chunks)) < (NEXT_FRAMES + LEAST_FRAMES) * hop + pause


def test_pulses_go_on_where_the_window_before_left_them(bundle, monkeypatch):
    """Spoken in one go, a passage is almost the same; pulses that began anew in every window would be others."""
    voice = Voice.load(bundle, "fp32")
    text = next(iter(passages(LONG)))
    windowed = voice.say(text)
    with monkeypatch.context() as patch:
        patch.setattr(network, "_phase", lambda *_: np.zeros(1, np.float32))
        anew = voice.say(text)
    monkeypatch.setattr(network, "windows", lambda n_frames, _: windows(n_frames, None))
    whole = voice.say(text)
    first = FIRST_FRAMES * voice.description.hop_length
    np.testing.assert_array_equal(windowed[:first], anew[:first])
    power, apart = np.square(whole).mean(), [np.square(wave - whole).mean() for wave in (windowed, anew)]
    assert apart[0] < 0.01 * power and apart[1] > 0.1 * power


def test_the_source_is_given_the_same_breath_and_its_own_phase_in_every_window():
    """A decoder that gives its numbers of frames as phases, and the first sample of its breath as the wave."""
    given = []

    class Decoder:
        def get_inputs(self):
            names = ("noise", "start", "breath", "phase", "anchor", "f0")
            return [SimpleNamespace(name=name, shape=()) for name in names]

        def run(self, _, inputs):
            given.append(inputs)
            frames = inputs["start"] + np.arange(inputs["noise"].shape[1], dtype=np.float32)[None]
            return [inputs["breath"], inputs["f0"], frames]

    made = network.Network(SimpleNamespace(get_inputs=list), Decoder(), description())
    breath = np.random.Generator(np.random.Philox(3)).standard_normal(2000 * 256, np.float32)
    nothing = np.zeros((1, 1), np.float32)
    plan = network.Plan(
        nothing, nothing, np.zeros((1, 2000, 32), np.float32), nothing, np.random.Generator(np.random.Philox(3))
    )
    for _ in range(2):  # a plan may sound again
        given.clear()
        np.testing.assert_array_equal(np.concatenate(list(made.sound(plan))), breath.clip(-1, 1))
    starts = [window.start for window in windows(2000, description().context_frames)]
    assert [int(inputs["start"] + inputs["anchor"]) for inputs in given] == starts == [0, 192, 960, 1728]
    assert [inputs["phase"].tolist() for inputs in given] == [[start] for start in starts]
    assert not any(inputs["f0"].any() for inputs in given)


def test_breath_has_its_own_scale_and_follows_the_seed(bundle, copy, without_source):
    change_description(copy, noise_scale=0.0)
    lively, flat = (Voice.load(folder, "fp32")._network for folder in (bundle, copy))
    tokens, vector = front_end.encode("hɛlˈoʊ"), unit_vector(0)[None].astype(np.float32)
    plans = [one.plan(tokens, network.Manner("en-US", vector, 1.0, seed)) for one in (lively, flat) for seed in (0, 1)]
    breaths = [network.Breath(plan.breath).between(0, 9000) for plan in plans]
    np.testing.assert_array_equal(breaths[0], breaths[2])
    assert not np.array_equal(breaths[0], breaths[1]) and not plans[2].noise.any()
    assert breaths[0].std() == pytest.approx(1, abs=0.05)
    assert Voice.load(without_source)._network.plan(tokens, network.Manner("en-US", vector, 1.0, 0)).breath is None


def test_the_first_chunk_waits_for_no_text_that_comes_later(voice, monkeypatch):
    read = []
    monkeypatch.setattr(front_end, "phonemize", lambda *given: read.append(given[0]) or "hɛlˈoʊ.")
    chunks = voice.stream(LONG * 100)
    next(chunks)
    assert read == list(itertools.islice(passages(LONG * 100), 1))
    next(chunks)
    assert len(read) == 2


def test_a_passage_sounds_the_same_wherever_it_stands(voice):
    one = voice.say(TEXT)
    pair = voice.say(f"{TEXT}\n\n{TEXT}")
    pause = np.zeros(round(PAUSE_S * voice.sample_rate_hz), np.float32)
    np.testing.assert_array_equal(pair, np.concatenate([one, pause, one]))


SPEAK_IN_A_PROCESS = """
import hashlib, sys
from voiceloom_model.runtime import Voice, network
for bundle in sys.argv[2:]:
    for precision, threads in (("int8", 1), ("int8", 2), ("fp32", 1), ("fp32", 2)):
        samples = Voice.load(bundle, precision, threads).say(sys.argv[1], seed=1)
        print(hashlib.sha256(samples.tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_two_processes_give_the_same_bits_at_any_precision_and_number_of_threads(bundle, without_source, voice):
    command = [sys.executable, "-c", SPEAK_IN_A_PROCESS, LONG, str(bundle), str(without_source)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    one, other = (process.communicate()[0].split() for process in running)
    assert one == other and len(one) == 8
    assert hashlib.sha256(voice.say(LONG, seed=1).tobytes()).hexdigest() == one[0]


@pytest.mark.parametrize("threads", [1, 2])
def test_batch_is_each_text_alone(kind, threads):
    voice = Voice.load(*kind, threads=threads)
    texts = [TEXT, LONG, "A.", "And one more of them.", TEXT]
    for alone, batched in zip(map(voice.say, texts), voice.batch(texts), strict=True):
        np.testing.assert_allclose(batched, alone, rtol=0, atol=1e-5)
    assert voice.batch([]) == []
    with pytest.raises(ValueError, match="nothing to say"):
        voice.batch([TEXT, "…"])


def test_several_threads_may_speak_with_one_voice(voice):
    whole, found = voice.say(TEXT), []
    threads = [threading.Thread(target=lambda: found.append(voice.say(TEXT))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and all(np.array_equal(one, whole) for one in found)


@pytest.mark.parametrize("text", ["A", "I", "Yes.", "5", "x" * 700, "Hm…", "!Yes", "O’", "a-b-c-d"])
def test_very_short_and_very_long_words_are_spoken(voice, text):
    samples = voice.say(text)
    assert len(samples) >= 3 * 256 and np.isfinite(samples).all() and samples.any()


@pytest.mark.parametrize("speed", [0.25, 4.0])
def test_any_speed_streams_what_it_says(voice, speed):
    np.testing.assert_array_equal(np.concatenate(list(voice.stream(LONG, speed=speed))), voice.say(LONG, speed=speed))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"text": "… !"}, "nothing to say"),
        ({"text": TEXT, "speaker": "cleo"}, "the speakers are: ada, bert"),
        ({"text": TEXT, "speaker": np.ones(3)}, "256 finite numbers"),
        ({"text": TEXT, "speaker": np.full(256, np.nan)}, "256 finite numbers"),
        ({"text": TEXT, "language": "fr"}, "its languages are: en-GB, en-US"),
        ({"text": TEXT, "speed": 9.0}, "speed 9.0 is outside"),
        ({"text": TEXT, "speed": float("nan")}, "speed nan is outside"),
        ({"text": TEXT, "seed": -1}, "seed -1"),
        ({"text": TEXT, "seed": 0.5}, "seed 0.5"),
        ({"text": TEXT, "chunk_s": 0.0}, "chunk_s 0.0"),
        ({"text": TEXT, "chunk_s": float("inf")}, "chunk_s inf"),
    ],
)
def test_what_cannot_be_said_is_one_sentence_before_anything_is_said(voice, arguments, words):
    with pytest.raises(ValueError, match=words):
        voice.stream(**arguments)


def test_a_long_text_with_nothing_to_say_is_not_repeated(voice):
    with pytest.raises(ValueError, match="nothing to say") as caught:
        voice.say("… " * 10_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"threads": 0}, "threads is 0, expected a whole number from 1"),
        ({"threads": 10**9}, "threads is 1000000000"),
        ({"provider": "abacus"}, r"no provider 'abacus' in this ONNX Runtime; there are: .*cpu"),
        ({"precision": "fp16"}, "it has: int8, fp32"),
    ],
)
def test_what_there_is_not_to_run_on_is_one_sentence(bundle, choice, words):
    with pytest.raises(ValueError, match=words):
        Voice.load(bundle, **choice)


def test_a_provider_that_does_not_start_is_not_replaced_in_silence(bundle, monkeypatch):
    names = ["CUDAExecutionProvider", *onnxruntime.get_available_providers()]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: names)
    with warnings.catch_warnings(), pytest.raises(ValueError, match="could not start it on this machine"):
        warnings.simplefilter("ignore")  # ONNX Runtime says so too
        Voice.load(bundle, provider="cuda")


@pytest.mark.slow
def test_memory_stays_flat_while_a_long_text_streams(bundle):
    """Resident memory after each passage but the first few, in a process of its own."""
    code = (
        "import sys; from voiceloom_model.runtime import Voice; sizes = [];"
        "pages = lambda: int(open('/proc/self/statm').read().split()[1]);"
        "[sizes.append(pages()) for _ in Voice.load(sys.argv[1]).stream(sys.argv[2])];"
        "print((max(sizes) - sizes[len(sizes) // 4]) * 4096 / 1e6)"
    )
    text = (LONG * 20)[:10_000]
    done = subprocess.run([sys.executable, "-c", code, str(bundle), text], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 5, "megabytes"


def test_clone_is_the_speaker_encoder_at_any_rate(voice):
    from voiceloom_model.speaker import embed

    time = np.arange(2 * 48000) / 48000
    wave = (0.2 * np.sin(2 * np.pi * 130 * time) * np.sin(2 * np.pi * 3 * time)).astype(np.float32)
    vector = voice.clone(wave, 48000)
    assert vector.shape == (256,) and np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert vector @ embed(wave[::3], 16000) > 0.999
    voice.say(TEXT, speaker=vector)
    with pytest.raises(ValueError, match="float samples between -1 and 1, found int16"):
        voice.clone((32767 * wave).astype(np.int16), 48000)
    with pytest.raises(ValueError, match="too short"):
        voice.clone(wave[:1000], 48000)
    with pytest.raises(ValueError, match="one channel"):
        voice.clone(np.stack([wave, wave]), 48000)


def test_resampling_keeps_a_tone():
    tone = np.sin(2 * np.pi * 100 * np.arange(4410) / 44100).astype(np.float32)
    expected = np.sin(2 * np.pi * 100 * np.arange(1600) / 16000)
    np.testing.assert_allclose(resample(tone, 44100, 16000), expected, atol=1e-4)


def test_speaking_imports_no_torch(bundle):
    code = (
        "import sys; from voiceloom_model.runtime import Voice; Voice.load(sys.argv[1]).say('Hello.');"
        "assert not {'torch', 'librosa', 'soundfile', 'onnx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(bundle)], check=True)


def test_the_lexicon_of_the_bundle_decides_what_is_said(bundle, copy):
    (copy / "lexicon.tsv").write_text("friend\tfɹɛndfɹɛnd\n", encoding="utf-8")
    write_sums(copy)
    assert not np.array_equal(Voice.load(copy).say(TEXT), Voice.load(bundle).say(TEXT))
    (copy / "lexicon.tsv").write_text("no entry\n")
    write_sums(copy)
    with pytest.raises(ValueError, match=r"lexicon\.tsv, line 1: expected word<TAB>IPA"):
        Voice.load(copy)


def test_what_takes_more_phonemes_than_a_passage_has_is_spoken_in_pieces(copy):
    (copy / "lexicon.tsv").write_text(f"friend\t{'fɹˈɛnd ' * 300}\nword\t{'wˈɜɹd' * 300}\n", encoding="utf-8")
    write_sums(copy)
    reader, tag = Voice.load(copy)._reader, "en-US"
    for text, has_spaces in (("My friend!", True), ("A word.", False)):
        pieces = [piece.tokens for piece in reader.passages(text, tag)]
        assert len(pieces) > 1 and all(len(piece.ids) <= MAX_TOKENS for piece in pieces)
        found = [token for piece in pieces for token in piece.ids[1:-1]]
        assert found == front_end.encode(front_end.phonemize(text, tag, reader.lexicon)).ids[1:-1]
        between_words = [piece.ids[-2] == front_end.SYMBOLS[" "] for piece in pieces[:-1]]
        assert all(between_words) if has_spaces else not all(between_words)
    assert len(Voice.load(copy).speak("My friend, my word.").words) > 300


def test_a_voice_of_a_chosen_front_end_is_read_by_it(bundle, copy):
    change_description(copy, front_ends={tag: front_end_identity(tag, "characters") for tag in ("en-GB", "en-US")})
    assert not np.array_equal(Voice.load(copy).say(TEXT), Voice.load(bundle).say(TEXT))
