"""Speaking from a bundle of random weights: what comes out is no speech, but it must be the same every time."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_voice import make_bundle, unit_vector

from voiceloom_model.runtime import Voice
from voiceloom_model.runtime.bundle import bundle_sha256, speaking_bytes, write_sums
from voiceloom_model.runtime.passages import passages
from voiceloom_model.runtime.voice import PAUSE_S, resample
from voiceloom_model.text import front_end_identity

TEXT = "Good morning, my friend."


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("made") / "voice")


@pytest.fixture(scope="module")
def voice(bundle):
    return Voice.load(bundle)


@pytest.fixture
def copy(bundle, tmp_path):
    """A bundle to be spoilt."""
    return shutil.copytree(bundle, tmp_path / "copy")


def rewrite(bundle, **changes):
    """Change `voice.json` so that the sums still hold."""
    path = bundle / "voice.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    write_sums(bundle)


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


def test_chunks_of_long_text_are_what_say_returns(voice):
    text = "A sentence that goes on for quite a while, and then it stops. " * 5
    chunks = list(voice.stream(text, seed=1))
    assert len(chunks) == len(passages(text)) > 1
    np.testing.assert_array_equal(np.concatenate(chunks), voice.say(text, seed=1))
    pause = round(PAUSE_S * voice.sample_rate_hz)
    assert not chunks[1][:pause].any() and chunks[1][pause:].any()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"text": "… !"}, "nothing to say"),
        ({"text": TEXT, "speaker": "cleo"}, "the speakers are: ada, bert"),
        ({"text": TEXT, "speaker": np.ones(3)}, "256 finite numbers"),
        ({"text": TEXT, "speaker": np.full(256, np.nan)}, "256 finite numbers"),
        ({"text": TEXT, "language": "fr"}, "its languages are: en-GB, en-US"),
        ({"text": TEXT, "speed": 9.0}, "speed 9.0 is outside"),
        ({"text": TEXT, "seed": -1}, "seed -1"),
    ],
)
def test_what_cannot_be_said_is_one_sentence(voice, arguments, words):
    with pytest.raises(ValueError, match=words):
        voice.say(**arguments)


def test_clone_is_the_speaker_encoder_at_any_rate(voice):
    from voiceloom_model.speaker import embed

    time = np.arange(2 * 48000) / 48000
    wave = (0.2 * np.sin(2 * np.pi * 130 * time) * np.sin(2 * np.pi * 3 * time)).astype(np.float32)
    vector = voice.clone(wave, 48000)
    assert vector.shape == (256,) and np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert vector @ embed(wave[::3], 16000) > 0.999
    voice.say(TEXT, speaker=vector)
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


class TestBroken:
    """A bundle that is not whole or not ours gets one sentence."""

    def test_no_bundle(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="not a voice bundle"):
            Voice.load(tmp_path)

    def test_altered_file(self, copy):
        graph = copy / "int8" / "decoder.onnx"
        content = bytearray(graph.read_bytes())
        content[len(content) // 2] ^= 1
        graph.write_bytes(content)
        with pytest.raises(ValueError, match=r"int8/decoder\.onnx was altered"):
            Voice.load(copy)

    def test_missing_file(self, copy):
        (copy / "MODEL_CARD.md").unlink()
        with pytest.raises(ValueError, match=r"MODEL_CARD\.md is missing"):
            Voice.load(copy)

    def test_extra_file(self, copy):
        (copy / "fp32" / "notes.txt").write_text("hello")
        with pytest.raises(ValueError, match=r"fp32/notes\.txt is not listed"):
            Voice.load(copy)

    def test_link_to_the_same_content(self, copy, bundle):
        (copy / "MODEL_CARD.md").unlink()
        (copy / "MODEL_CARD.md").symlink_to(bundle / "MODEL_CARD.md")
        with pytest.raises(ValueError, match=r"MODEL_CARD\.md is a link"):
            Voice.load(copy)

    def test_unknown_precision(self, bundle):
        with pytest.raises(ValueError, match="it has: fp32, int8"):
            Voice.load(bundle, precision="fp16")

    def test_newer_format(self, copy):
        rewrite(copy, format=99)
        with pytest.raises(ValueError, match="format 99"):
            Voice.load(copy)

    def test_unknown_key(self, copy):
        rewrite(copy, mood="gay")
        with pytest.raises(ValueError, match="'mood' is missing or unknown"):
            Voice.load(copy)

    def test_no_json(self, copy):
        (copy / "voice.json").write_text("[]")
        write_sums(copy)
        with pytest.raises(ValueError, match="does not describe a voice"):
            Voice.load(copy)

    def test_another_front_end(self, copy):
        rewrite(copy, front_ends={"en-US": {"name": "other", "version": "1", "data": "x"}})
        with pytest.raises(ValueError, match="needs the en-US front end"):
            Voice.load(copy)

    def test_another_table_of_symbols(self, copy):
        rewrite(copy, symbols_sha256="0" * 64)
        with pytest.raises(ValueError, match="another table of symbols"):
            Voice.load(copy)


def test_the_lexicon_of_the_bundle_decides_what_is_said(bundle, copy):
    (copy / "lexicon.tsv").write_text("friend\tfɹɛndfɹɛnd\n", encoding="utf-8")
    write_sums(copy)
    assert not np.array_equal(Voice.load(copy).say(TEXT), Voice.load(bundle).say(TEXT))
    (copy / "lexicon.tsv").write_text("no entry\n")
    write_sums(copy)
    with pytest.raises(ValueError, match=r"lexicon\.tsv, line 1: expected word<TAB>IPA"):
        Voice.load(copy)


def test_a_voice_of_a_chosen_front_end_is_read_by_it(bundle, copy):
    rewrite(copy, front_ends={tag: front_end_identity(tag, "characters") for tag in ("en-GB", "en-US")})
    assert not np.array_equal(Voice.load(copy).say(TEXT), Voice.load(bundle).say(TEXT))


def test_identity_and_size_follow_the_content(bundle, copy):
    assert bundle_sha256(bundle) == bundle_sha256(copy)
    assert speaking_bytes(copy, "int8") < speaking_bytes(copy, "fp32")
    rewrite(copy, noise_scale=0.5)
    assert bundle_sha256(bundle) != bundle_sha256(copy)


@given(st.text(alphabet="ab .,!?\n\"'", max_size=300), st.integers(5, 60))
def test_passages_lose_no_word_and_keep_the_limit(text, limit):
    parts = passages(text, limit)
    assert all(0 < len(part) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_passages_end_at_sentences_then_clauses_then_words():
    assert passages("One two. Three four! Five", 20) == ["One two. Three four!", "Five"]
    assert passages("One two three, four five six", 16) == ["One two three,", "four five six"]
    assert passages("One two\n\nThree", 100) == ["One two", "Three"]
    assert passages('He said "no." Then he left.', 15) == ['He said "no."', "Then he left."]
