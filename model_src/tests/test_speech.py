"""When phonemes and words sound: from the durations that the network chose."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_voice import change_description, make_bundle

from voiceloom_model.runtime import Voice
from voiceloom_model.runtime.passages import passages
from voiceloom_model.runtime.speech import frames_a_token, sounds
from voiceloom_model.runtime.voice import PAUSE_S
from voiceloom_model.runtime.words import spoken_tokens
from voiceloom_model.text import Lexicon, encode
from voiceloom_model.text.layout import laid_out

TEXT = "Good morning, my friend."
LONG = "A sentence that goes on for quite a while, and then, at long last, it comes to its end. " * 4


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    return Voice.load(make_bundle(tmp_path_factory.mktemp("made") / "voice"))


@pytest.mark.parametrize("text", [TEXT, LONG, f"{TEXT}\n\n{TEXT}", "A"])
def test_speech_is_what_say_says_and_its_times_lie_in_it_in_order(voice, text):
    speech = voice.speak(text, seed=2, speed=1.3)
    np.testing.assert_array_equal(speech.samples, voice.say(text, seed=2, speed=1.3))
    assert speech.sample_rate_hz == voice.sample_rate_hz
    for timed in (speech.phonemes, speech.words):
        edges = [edge for one in timed for edge in (one.start_s, one.end_s)]
        assert edges == sorted(edges) and edges[0] >= 0
        assert edges[-1] <= len(speech.samples) / speech.sample_rate_hz
        assert all(one.end_s > one.start_s for one in timed)


def test_every_word_spans_its_phonemes(voice):
    speech = voice.speak(TEXT)
    assert [word.text for word in speech.words] == ["Good", "morning,", "my", "friend."]
    assert "".join(phoneme.text for phoneme in speech.phonemes) == "ɡˈʊdmˈɔɹnɪŋmaɪfɹˈɛnd"
    starts, ends = {one.start_s for one in speech.phonemes}, {one.end_s for one in speech.phonemes}
    assert all(word.start_s in starts and word.end_s in ends for word in speech.words)


def test_a_pause_between_passages_counts(voice):
    one, two = voice.speak(TEXT), voice.speak(f"{TEXT}\n\n{TEXT}")
    later = len(one.samples) / one.sample_rate_hz + PAUSE_S
    half = len(one.words)
    assert two.words[:half] == one.words
    for first, second in zip(one.words, two.words[half:], strict=True):
        assert second.text == first.text and second.start_s == pytest.approx(first.start_s + later)


def test_slower_speech_has_later_times(voice):
    fast, slow = voice.speak(TEXT, speed=2.0), voice.speak(TEXT, speed=0.5)
    assert slow.words[-1].end_s == pytest.approx(4 * fast.words[-1].end_s, rel=0.25)


def test_times_are_where_the_sound_changes(voice):
    """Frames before a phoneme's first do not depend on how long the phoneme lasts: durations say when it begins."""
    speech, hop = voice.speak(TEXT), voice.description.hop_length
    frames = [one.start_s * voice.sample_rate_hz / hop for one in speech.phonemes]
    assert frames == pytest.approx([round(frame) for frame in frames])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It costs $5 & 10%.", ["It", "costs", "five", "dollars", "and", "ten", "percent."]),
        ("Well—known, “quoted” (words)…", ["Well—known,", "“quoted”", "(words)…"]),
        ("Wait — what?", ["Wait —", "what?"]),
        ("— So it is", ["— So", "it", "is"]),
        ("Mr. O’Neil’s e-mails", ["Mister", "O’Neil’s", "e-mails"]),
        ("On 3/4/2021 at 5:30", None),
    ],
)
def test_words_are_as_written_where_that_is_what_is_said(voice, text, words):
    found = [word.text for word in voice.speak(text).words]
    assert found == words if words else not any(letter.isdigit() for word in found for letter in word)


def test_a_word_of_the_lexicon_keeps_its_name(tmp_path):
    bundle = make_bundle(tmp_path / "voice")
    (bundle / "lexicon.tsv").write_text("3M\tθɹˈiː ˈɛm\nvoiceloom\tvˈɔɪslˌuːm\nNew York\tnjˈuːjɔːk\n", encoding="utf-8")
    change_description(bundle)
    voice = Voice.load(bundle)
    assert [word.text for word in voice.speak("3M and Voiceloom.").words] == ["3M", "and", "Voiceloom."]
    assert [word.text for word in voice.speak("In New York, 5 of us").words] == ["In", "New York,", "five", "of", "us"]


def test_words_that_cannot_be_counted_off_are_named_by_their_phonemes(voice, monkeypatch):
    monkeypatch.setattr(voice._reader, "words", lambda text, language: 2)
    assert [word.text for word in voice.speak(TEXT).words] == ["ɡˈʊd", "mˈɔɹnɪŋ", "maɪ", "fɹˈɛnd"]


def test_scripts_without_spaces_fall_into_clauses():
    text = "今天天气很好，我有苹果。你呢？"
    assert spoken_tokens(text, "zh", Lexicon()) == ["今天天气很好，", "我有苹果。", "你呢？"]


@given(
    st.lists(
        st.sampled_from(["Yes", "you", "may,", "5", "$3", "and", "—", "…", "'so'", "x.com", "2nd", "NASA", "it’s"]),
        min_size=1,
        max_size=12,
    )
)
def test_plain_words_keep_their_spelling_and_order(words):
    found = spoken_tokens(" ".join(words), "en-US", Lexicon())
    plain = [word for word in words if word.isalpha()]
    kept = iter(found)
    assert all(word in kept for word in plain)


@given(st.text(alphabet="abˈˌː ,.ɹ1↑ʰ", max_size=40), st.sampled_from(["compact", "spread"]))
def test_frames_are_neither_lost_nor_doubled_in_any_layout(phonemes, layout):
    tokens = encode(phonemes)
    durations = list(range(1, len(laid_out(*tokens, layout).ids) + 1))
    frames = frames_a_token(tokens, durations, layout)
    assert len(frames) == len(tokens.ids) and sum(frames) == sum(durations)
    found = list(sounds(tokens, frames))
    assert all(one.end <= two.start for one, two in itertools.pairwise(found))
    assert not found or found[-1].end <= sum(durations)


def test_a_phoneme_has_its_marks_and_words_are_between_spaces():
    tokens = encode("ˈaː, tʰo1 ↑b.")
    found = [(sound.text, sound.word) for sound in sounds(tokens, [1] * len(tokens.ids))]
    assert found == [("ˈaː", 0), ("tʰ", 1), ("o1", 1), ("b", 2)]


def test_a_passage_is_as_it_stands_in_the_text():
    assert " ".join(spoken_tokens(next(passages(TEXT)), "en-US", Lexicon())) == TEXT
