"""Text to phonemes to ids: the notation, the table, and what happens to text that nobody expected."""

import hashlib
import json
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceloom_model.text import (
    LANGUAGES,
    N_SYMBOLS,
    SYMBOLS,
    encode,
    front_end_identity,
    language_id,
    phonemize,
    unknown_symbols,
)
from voiceloom_model.text.notation import VOWELS

#: Of piper-tts 1.8's `DEFAULT_PHONEME_ID_MAP` as JSON, symbol to id.
PIPER_SHA256 = "7a3c8565ed5c5ea9377dd048b65d217a25f07bf40b4fadfa1068970f798fcff3"
SENTENCES = (
    "Please check the number and dial again.",
    "Dr. Smith read 21 books in 1998; I read them now: $5.30, 3rd, 50%.",
    "Call-Forward on Busy, judge the azure church — xyzzyfoo!",
    "Better water, little button; you'd object to the object.",
)


def test_the_table_is_pipers():
    content = json.dumps(SYMBOLS, ensure_ascii=False).encode()
    assert hashlib.sha256(content).hexdigest() == PIPER_SHA256
    assert list(SYMBOLS.values()) == list(range(N_SYMBOLS))


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en-US", "Hello there.", "həlˈoʊ ðˈɛɹ."),
        ("en-GB", "Hello there.", "həlˈəʊ ðˈɛː."),
        ("en", "My boy, how late!", "mˌaɪ bˈɔɪ, hˌaʊ lˈeɪt!"),
        ("en-US", "judge, church", "dʒˈʌdʒ, tʃˈɜɹtʃ"),
        ("en-US", "water", "wˈɔɾəɹ"),
        ("tlh", "¿Qué tal, niño?", "que\u0301 tal, nin\u0303o?"),
    ],
)
def test_notation(language, text, expected):
    assert phonemize(text, language) == expected


@pytest.mark.parametrize("language", ["en-US", "en-GB"])
@pytest.mark.parametrize("sentence", SENTENCES)
def test_english_is_plain_ipa_with_stress_before_vowels(language, sentence):
    phonemes = phonemize(sentence, language)
    assert unknown_symbols(phonemes) == []
    assert not any(symbol.isupper() for symbol in phonemes)
    after = [phonemes[i + 1] for i, symbol in enumerate(phonemes) if symbol in "ˈˌ"]
    assert after and set(after) <= set(VOWELS)


@pytest.mark.parametrize("text", ["well, yes", "well — yes", "“well”, (yes)", "well -- yes", " well,  yes "])
def test_dashes_quotes_brackets_and_spaces_become_one_notation(text):
    assert phonemize(text, "tlh") == "well, yes"


def test_words_are_apart_and_punctuation_is_attached():
    assert phonemize("Uno . Dos;tres ... a.b", "tlh") == "uno. dos; tres… a. b"


def test_both_spellings_of_an_accent_read_the_same():
    for language in ("en-US", "fr"):
        assert phonemize("café", language) == phonemize("cafe\u0301", language)


def test_stress_falls_on_the_token_after_its_mark():
    tokens = encode("həlˈoʊ ˌæ")
    assert tokens.ids == [SYMBOLS[symbol] for symbol in "^həloʊ æ$"]
    assert tokens.stress == [0, 0, 0, 0, 1, 0, 0, 2, 0]


def test_marks_of_control_cannot_come_from_text():
    assert encode("_^$").ids == [SYMBOLS["^"], SYMBOLS["$"]]
    assert unknown_symbols("_a") == ["_"]


def test_unknown_symbols_are_left_out_and_reported():
    assert unknown_symbols("да, a") == ["д", "а"]
    assert encode("да, a").ids == [SYMBOLS[symbol] for symbol in "^, a$"]


@settings(deadline=None)
@given(st.text(max_size=60), st.sampled_from(["fr", "ja", "es", "en-US"]))
def test_any_text_gives_ids_within_the_table(text, language):
    phonemes = phonemize(text, language)
    tokens = encode(phonemes)
    assert len(tokens.ids) == len(tokens.stress) >= 2
    assert max(tokens.ids) < N_SYMBOLS and set(tokens.stress) <= {0, 1, 2}
    assert phonemes == unicodedata.normalize("NFD", phonemes) == " ".join(phonemes.split())


def test_a_chain_of_thousands_of_parts_is_read_word_by_word():
    # hibari's time grows with the cube of the parts: without the cut this would take minutes
    assert phonemize("a-" * 2048, "en-US").count(" ") == 2047


def test_digits_of_other_scripts_are_read_as_digits():
    assert phonemize("¹ or ٣", "en-US") == phonemize("1 or 3", "en-US")


def test_language_ids_are_fixed():
    known = {"en": 1, "en-GB": 1, "es-MX": 2, "ru": 5, "zh": 39, "zh-yue": 40, "tlh": 0}
    assert {tag: language_id(tag) for tag in known} == known
    assert len(set(LANGUAGES)) == len(LANGUAGES)


def test_a_front_end_says_what_decides_its_output():
    american, british = front_end_identity("en-US"), front_end_identity("en-GB")
    assert american == front_end_identity("en") == front_end_identity("en-IE") != british
    assert british == front_end_identity("en-GB-oed") == front_end_identity("en-AU")
    assert len(american["data"]) == len(british["data"]) == 32
    assert set(american) == {"name", "version", "data", "notation", "normaliser"}
    assert front_end_identity("tlh")["name"] == "characters"


def test_text_needs_neither_torch_nor_librosa():
    program = (
        "import sys; from voiceloom_model.text import phonemize; phonemize('An unheardofword.', 'en');"
        "sys.exit(bool({'torch', 'librosa'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
