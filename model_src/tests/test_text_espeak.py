"""espeak-ng as a chosen front end, in a process of its own; skipped where it is not installed."""

import shutil

import pytest

from voiceloom_model.text import choice_for, choice_of, front_end_identity, phonemize, unknown_symbols

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed here")


@needs_espeak
def test_it_reads_clause_by_clause_and_keeps_punctuation():
    phonemes = phonemize("Guten Morgen, wie geht es Ihnen? $(touch x); `ls` -v en", "de", choice="espeak")
    assert phonemes.startswith("ɡˈuːtən mˈɔɾɡən, viː") and "?" in phonemes and ";" in phonemes
    assert unknown_symbols(phonemes) == []


@needs_espeak
def test_a_dialect_falls_back_to_a_voice_there_is():
    assert phonemize("zapato", "es-MX", choice="espeak") == "sapˈato"
    assert phonemize("Haus", "de-AT", choice="espeak") == phonemize("Haus", "de", choice="espeak")
    with pytest.raises(ValueError, match="espeak-ng has no voice for xx"):
        phonemize("x", "xx", choice="espeak")


@needs_espeak
def test_its_identity_is_another_and_names_the_choice():
    identity = front_end_identity("de", "espeak")
    assert identity != front_end_identity("de") and choice_of(identity) == "espeak"


def test_choices_are_by_the_longest_tag():
    choices = {"de": "espeak", "de-AT": "characters"}
    assert [choice_for(tag, choices) for tag in ("de-CH", "de-at", "fr")] == ["espeak", "characters", None]
    assert choice_of(front_end_identity("fr")) is None
    assert phonemize("Für 'n Grüß", "de", choice="characters").startswith("fu\u0308r")


def test_a_choice_there_is_not_is_an_error():
    with pytest.raises(ValueError, match="there is no front end 'festival' to choose; there are: characters, espeak"):
        phonemize("x", "de", choice="festival")


def test_without_the_program_one_sentence_says_so(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match="there is no espeak-ng here"):
        phonemize("Bonjour", "fr", choice="espeak")
