"""Which espeak-ng voice reads as a front end of ours does, and what its symbols become in that front end's alphabet.

Clients of Piper voices get their phonemes from espeak-ng. What it writes differs from what a voice of ours was trained
on: other letters for the same sound (`ɚ` for `əɹ`), finer ones, lengths. A voice is never given a symbol that it never
heard. The languages here are those whose readings by espeak-ng were compared with ours, sentence by sentence.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from voiceloom_model.text import characters, espeak
from voiceloom_model.text.symbols import SYMBOLS

#: BCP 47 tag or its beginning → espeak-ng's voice; the longest beginning decides.
VOICES = {
    "en": "en-us",
    **dict.fromkeys(("en-gb", "en-au", "en-nz", "en-za"), "en-gb-x-rp"),  # where the front end drops the r
    **{tag: tag for tag in ("de", "fr", "it", "nl", "ru", "es", "cs", "pl")},
    **dict.fromkeys(("es-419", "es-mx", "es-ar", "es-cl", "es-co", "es-pe", "es-us", "es-uy", "es-ve"), "es-419"),
    "pt": "pt-br",
    "pt-pt": "pt",
}

_CONSONANTS = "bdfklmnprstvzɡɲʃʎʒ"

#: One or two symbols of espeak-ng → what the front end writes, in at most two; by the voice that reads.
RULES: dict[str, dict[str, str]] = {
    "en-us": {
        **{"ɚ": "əɹ", "ɚɹ": "əɹ", "ɜ": "ɜɹ", "ɜɹ": "ɜɹ", "ɹɹ": "ɹ", "o": "ɔ", "oʊ": "oʊ"},
        **{"r": "ɹ", "ɐ": "ə", "ɐ ": "ɐ ", "ʔ": "t", "n\u0329": "ən", "l\u0329": "əl", "m\u0329": "əm"},
    },
    "en-gb-x-rp": {
        **{"æ": "a", "ɐ": "ə", "ɐ ": "ɐ ", "eə": "ɛː", "iə": "ɪə", "n\u0329": "ən", "l\u0329": "əl"},
        **{f"ɪ{mark}": f"i{mark}" for mark in " .,!?:;"},
    },
    "de": {"ɾ": "ʁ", "r": "ʁ", "ɜ": "ɐ", "ɔø": "ɔʏ", "ɑː": "aː"},
    "fr": {"yi": "ɥi"},
    "it": {"ɾ": "r", "ɪ": "i", "ʊ": "u", "iʲ": "j", **{f"{one}ː": one * 2 for one in _CONSONANTS}, "ɾː": "rr"},
    "nl": {"eː": "e", "oː": "o", "aː": "a", "øː": "ø", "ɛɪ": "ɛi", "ʌʊ": "ɑu", "ɵ": "ʏ"},
    "ru": {
        **{"ɑ": "a", "ʌ": "ə", "a": "ə", "ˈa": "ˈa", "i": "ɪ", "ˈi": "ˈi", "u": "ʊ", "ˈu": "ˈu", "e": "ɛ"},
        **{"y": "ɨ", "ɵ": "o", "ɭ": "ɫ", "ɭʲ": "lʲ", "ʃ": "ʂ", "ʒ": "ʐ", "ʃʲ": "ɕ", "ʲʌ": "ʲɪ"},
    },
    "es": {"ɛ": "e", "ɪ": "i\u032f", "ʊ": "u\u032f", "ʎ": "ʝ"},
    "pt-br": {
        **{"ʊ": "u", "ɪ": "i", "x": "ʁ", **{f"\u0303{nasal}": "\u0303" for nasal in "mnŋ"}},
        **{f"{one}ɪ": f"{one}j" for one in "aeoɔ"},
        **{f"{one}ʊ": f"{one}w" for one in "aeiɛ"},
    },
    "pl": {"ʲ": "j"},
    "cs": {"e": "ɛ", "eː": "ɛː", "i": "ɪ", "iː": "iː", "h": "ɦ"},
}
RULES |= {"es-419": RULES["es"], "pt": RULES["pt-br"]}

#: Where a symbol was never heard: what else it may be, the nearest first; nothing where none of that was heard either.
NEAREST: dict[str, str] = {
    **{"a": "æ ɑ ɐ", "æ": "a ɛ", "ɑ": "a ɒ", "ɒ": "ɔ ɑ o", "ɐ": "ə a ʌ", "ʌ": "ɐ ə a", "ə": "ɐ ʌ ɜ", "ɚ": "əɹ ə ɐ"},
    **{"ɜ": "ə œ ɛ", "ɝ": "ɜɹ əɹ", "ɞ": "ɜ ə", "ɘ": "ə", "ɵ": "ø o ʊ", "ɶ": "œ a", "ᵻ": "ɪ ə i", "ɨ": "ɪ i", "ɪ": "i"},
    **{"i": "ɪ", "e": "ɛ", "ɛ": "e", "ε": "ɛ e", "o": "ɔ", "ɔ": "o ɒ", "u": "ʊ", "ʊ": "u", "ʉ": "u y", "ɯ": "u ɨ"},
    **{"ɤ": "ʌ o", "y": "ʏ u", "ʏ": "y ʊ", "ø": "œ ə", "œ": "ø ə"},
    **{"r": "ɾ ɹ ʁ", "ɾ": "r ɹ d", "ɹ": "r ɾ ʁ", "ɺ": "ɾ l", "ɻ": "ɹ r", "ɽ": "ɾ r ɹ", "ʁ": "ʀ r ɹ", "ʀ": "ʁ r ɹ"},
    **{"l": "ɫ", "ɫ": "l", "ɭ": "ɫ l", "ɬ": "l", "ɮ": "l", "ʟ": "l", "ʎ": "lj j", "ɲ": "nj n", "ŋ": "n", "ɱ": "m"},
    **{"ɳ": "n", "ɴ": "ŋ n", "ɖ": "d", "ɗ": "d", "ʈ": "t", "ɓ": "b", "ɟ": "ɡ", "ɠ": "ɡ", "ɢ": "ɡ", "ʛ": "ɡ", "g": "ɡ"},
    **{"c": "k", "q": "k", "ç": "x ʃ h", "x": "χ k h", "X": "x χ k", "χ": "x k h", "ɣ": "ɡ x", "ɰ": "ɡ w", "ħ": "h"},
    **{"h": "ɦ x", "ɦ": "h x", "ʝ": "j ʒ", "β": "b v", "ɸ": "f", "ð": "d z", "θ": "t s", "ʋ": "v w", "v": "ʋ f"},
    **{"w": "ʋ u v", "ʍ": "w", "ɥ": "w j", "j": "i", "ʂ": "ʃ s", "ʃ": "ʂ s", "ɕ": "ʃ ʂ s", "ʐ": "ʒ z", "ʒ": "ʐ z"},
    **{"ʑ": "ʒ ʐ z", "z": "s", "ʦ": "ts", "!": ".", "?": ".", ":": ",", ";": ",", ".": ",", ",": "."},
}

#: Every front end puts a space after these and between sentences; sherpa-onnx 2 leaves it out, and older ones may give
#: several sentences at once.
_SPACED = {f"{mark}{after}": f"{mark}{after or ' '}" for mark in ",;:" for after in ("", " ", "$")} | {"$^": " "}

_SLOTS = 2
_TONES = "123456789↑↓"


class Rewriting(NamedTuple):
    """What becomes of espeak-ng's symbols: `one` of each, `two` of a pair where that is something else."""

    one: dict[str, str]
    two: dict[str, str]


def espeak_voice(language: str, front_end: Mapping[str, str], heard: Collection[str]) -> str:
    """espeak-ng's voice for a BCP 47 tag that `front_end` (its identity) read; `heard` are the symbols it gave.

    Raises `ValueError` where espeak-ng cannot give such symbols.
    """
    name = front_end.get("name", "")
    if name == espeak.NAME:
        return front_end["version"].partition(" + ")[0].split()[-1]
    why = None
    if name == characters.NAME:
        why = "it reads letters, which espeak-ng does not give"
    elif tones := sorted(set(heard) & set(_TONES)):
        why = f"it was trained on tones ({' '.join(tones)}), which espeak-ng writes in another way"
    voice = _longest_beginning(language)
    if why is None and voice is None:
        why = f"no voice of espeak-ng is known to read as its front end does; for these one is: {', '.join(VOICES)}"
    if why is not None or voice is None:
        raise ValueError(f"{language} cannot be spoken by clients of Piper voices: {why}")
    return voice


def rewriting(voice: str, heard: Collection[str]) -> Rewriting:
    """What the symbols of an espeak-ng voice become for a synthesizer that heard the symbols `heard`."""
    heard = set(heard).union("_^$", "." if "…" in heard else "")
    rules = {symbols: new for symbols, new in (_SPACED | RULES.get(voice, {})).items() if heard.issuperset(new)}
    singles = [symbol for symbol in SYMBOLS if len(symbol) == 1]
    one = {symbol: rules.get(symbol, _nearest(symbol, heard)) for symbol in singles}
    two = {symbols: new for symbols, new in rules.items() if len(symbols) == 2}
    assert all(len(new) <= _SLOTS for new in (*one.values(), *two.values()))
    return Rewriting(one, two)


def _nearest(symbol: str, heard: Collection[str]) -> str:
    """The symbol itself where it was heard, else the first of its neighbours that was; else nothing."""
    candidates = (symbol, *NEAREST.get(symbol, "").split())
    return next((candidate for candidate in candidates if set(heard).issuperset(candidate)), "")


def _longest_beginning(language: str) -> str | None:
    parts = language.lower().split("-")
    tags = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((VOICES[tag] for tag in tags if tag in VOICES), None)
