"""The spread layout is the sequence that a Piper voice reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceloom_model.text.layout import laid_out, spread
from voiceloom_model.text.symbols import END_ID, PAD_ID, START_ID, SYMBOLS, Tokens, encode

NAMES = {index: symbol for symbol, index in SYMBOLS.items()}
TEXT = [symbol for symbol in SYMBOLS if len(symbol) == 1 and symbol not in "_^$g"]


def as_piper_does(phonemes):
    """Piper's own order: start, pad, then each phoneme and a pad, end."""
    ids = [START_ID, PAD_ID]
    for phoneme in phonemes:
        ids += [SYMBOLS[phoneme], PAD_ID]
    return [*ids, END_ID]


def test_stress_marks_stand_before_their_vowel_and_pads_between_all():
    tokens = spread(*encode("tˈuː bˌi"))
    assert "".join(NAMES[index] for index in tokens.ids) == "^_t_ˈ_u_ː_ _b_ˌ_i_$"
    assert set(tokens.stress) == {0} and len(tokens.stress) == len(tokens.ids)


@given(st.lists(st.sampled_from(TEXT), max_size=30).map("".join))
def test_it_is_what_piper_makes_of_the_same_phonemes(phonemes):
    while any(pair in phonemes for pair in ("ˈˈ", "ˈˌ", "ˌˈ", "ˌˌ")):  # two marks in a row are one
        for pair in ("ˈˈ", "ˈˌ", "ˌˈ", "ˌˌ"):
            phonemes = phonemes.replace(pair, pair[1])
    phonemes = phonemes.rstrip("ˈˌ")  # a mark before nothing is none
    assert spread(*encode(phonemes)).ids == as_piper_does(phonemes)


def test_one_layout_leaves_tokens_as_they_are():
    tokens = encode("həlˈoʊ")
    assert laid_out(*tokens, "compact") == tokens
    assert laid_out(*tokens, "spread") == spread(*tokens)


def test_no_tokens_stay_none_and_unequal_lists_are_an_error():
    assert spread([], []) == Tokens([], [])
    with pytest.raises(ValueError):
        spread([1, 2], [0])
