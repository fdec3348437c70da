"""Phonemes to ids: one table of symbols for all languages (Piper's default map), with stress folded out."""

from __future__ import annotations

from typing import NamedTuple

# Piper's `phoneme_id_map` (piper-tts 1.8) in the order of its ids; combining marks escaped, to stay readable.
_SINGLE = (
    "_^$ !'(),-.:;?abcdefhijklmnopqrstuvwxyzæçðøħŋœǀǁǂǃ"
    "ɐɑɒɓɔɕɖɗɘəɚɛɜɞɟɠɡɢɣɤɥɦɧɨɪɫɬɭɮɯɰɱɲɳɴɵɶɸɹɺɻɽɾʀʁʂʃʄʈʉʊʋʌʍʎʏʐʑʒʔʕʘʙʛʜʝʟʡʢʲˈˌːˑ˞"
    'βθχᵻⱱ0123456789\u0327\u0303\u032a\u032f\u0329ʰˤε↓#"↑\u033a\u033bgʦX\u031d\u030aɝʷ'
)
_DIPHTHONGS = ("aɪ", "aʊ", "ɔɪ", "eɪ", "oʊ")  # Piper lists them; here a diphthong is its two code points

#: Symbol → id; the same for every language and every voice.
SYMBOLS: dict[str, int] = {symbol: index for index, symbol in enumerate((*_SINGLE, *_DIPHTHONGS))}
N_SYMBOLS = len(SYMBOLS)
PAD_ID, START_ID, END_ID = SYMBOLS["_"], SYMBOLS["^"], SYMBOLS["$"]
STRESS_MARKS = {"ˈ": 1, "ˌ": 2}

# "…" and "g" are spellings of symbols that have an id; the three marks of control are no text.
_TEXT_IDS = {symbol: index for symbol, index in SYMBOLS.items() if symbol not in {*"_^$", *STRESS_MARKS}}
_TEXT_IDS |= {"…": SYMBOLS["."], "g": SYMBOLS["ɡ"]}


class Tokens(NamedTuple):
    """What the text encoder reads: `ids` and, token by token, `stress` (0 none, 1 primary, 2 secondary)."""

    ids: list[int]
    stress: list[int]


def encode(phonemes: str) -> Tokens:
    """Ids of a phoneme string between start and end marks; a stress mark falls on the token after it.

    A symbol without an id is left out: `unknown_symbols` says which.
    """
    ids, stress, mark = [START_ID], [0], 0
    for symbol in phonemes:
        if symbol in STRESS_MARKS:
            mark = STRESS_MARKS[symbol]
        elif symbol in _TEXT_IDS:
            ids.append(_TEXT_IDS[symbol])
            stress.append(mark)
            mark = 0
    return Tokens([*ids, END_ID], [*stress, 0])


def unknown_symbols(phonemes: str) -> list[str]:
    """The symbols that `encode` leaves out, in the order they come, repeated as often as they do."""
    return [symbol for symbol in phonemes if symbol not in _TEXT_IDS and symbol not in STRESS_MARKS]
