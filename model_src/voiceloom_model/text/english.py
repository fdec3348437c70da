"""English by hibari's G2P: US and GB lexicons, homographs by part of speech, a network for unknown words.

hibari writes misaki's alphabet, one letter a diphthong or affricate; here it becomes plain IPA.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING

from voiceloom_model.text.packed import packed_g2p
from voiceloom_model.text.reading import Reading

if TYPE_CHECKING:
    from hibari.g2p import G2P

NAME = "hibari.g2p"
VERSION = "1"  # of the mapping below: a change in it changes every phoneme string

_IPA = str.maketrans(
    {
        **{"A": "eɪ", "I": "aɪ", "O": "oʊ", "Q": "əʊ", "W": "aʊ", "Y": "ɔɪ"},
        **{"ʤ": "dʒ", "ʧ": "tʃ", "ʣ": "dz", "ʦ": "ts", "T": "ɾ", "ᵊ": "ə"},
    }
)

_KEPT = {ord("ʔ"): "\ue000"}  # hibari would write t for it
_KEPT_BACK = {0xE000: "ʔ"}
#: hibari takes time with the cube of the parts of a compound; no word has so many, a table or an attacker's text may.
_CHAIN = re.compile(r"\b\w+(?:[-‐‑/]\w+){12,}")
_JOINT = re.compile("[-‐‑/]")
_GUESSED = 2  # hibari's rating of a word that its network read


def american(text: str) -> Reading:
    """IPA of `text` in General American, and the words that the network guessed."""
    return _read(text, british=False)


def british(text: str) -> Reading:
    """IPA of `text` in Received Pronunciation, and the words that the network guessed."""
    return _read(text, british=True)


def given(word: str, phonemes: str) -> str:
    """`word` in hibari's notation for a word with its own phonemes, which are kept as they are."""
    return f"[{word}](/{phonemes.translate(_KEPT)}/)"


def _read(text: str, british: bool) -> Reading:
    from hibari.g2p.normalize import normalize

    plain = _CHAIN.sub(lambda chain: _JOINT.sub(" ", chain[0]), _plain_digits(text))
    tokens = _g2p(british).phonemize_tokens(_g2p(british).tokenize(normalize(plain)))
    joined = "".join((token.phonemes or "") + (" " if token.whitespace else "") for token in tokens)
    guessed = tuple(token.text.casefold() for token in tokens if token.rating == _GUESSED and token.phonemes)
    return Reading(joined.strip().translate(_IPA).translate(_KEPT_BACK), guessed)


def _plain_digits(text: str) -> str:
    """Superscripts and digits of other scripts as 0-9: hibari takes them for digits and then cannot read them."""
    return "".join(str(unicodedata.digit(c)) if c.isdigit() and not c.isascii() else c for c in text)


def american_identity() -> dict[str, str]:
    """What decides the American readings: package version, mapping version and the hash of the data."""
    return _identity("us")


def british_identity() -> dict[str, str]:
    """What decides the British readings."""
    return _identity("gb")


@lru_cache(maxsize=2)
def _g2p(british: bool) -> G2P:
    return packed_g2p(british)


@lru_cache(maxsize=2)
def _identity(accent: str) -> dict[str, str]:
    return {
        "name": f"{NAME}-{accent}",
        "version": f"{version('hibari-tts')}+{VERSION}",
        "data": _data_hash(accent),
    }


def _data_hash(accent: str) -> str:
    """The hash of the lexicons, rules and networks that `accent` reads."""
    digest = hashlib.blake2b(digest_size=16)
    network = "oov_gb.onnx" if accent == "gb" else "oov.onnx"
    lexicons = [f"lexicon_{accent}_{kind}.json.gz" for kind in ("gold", "silver")]
    for name in (*lexicons, network, "tagger.json.gz", "tokenizer_exceptions.json", "normalize.json"):
        digest.update(files("hibari").joinpath("assets", name).read_bytes())
    return digest.hexdigest()
