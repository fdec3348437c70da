"""Which utterances are held out from training: decided by the text alone."""

from __future__ import annotations

import hashlib
import re
import unicodedata

#: A word; in scripts written without spaces, a character.
_WORD = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]|[^\W\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+")


def split_of(text: str, held_out_share: float, min_words: int) -> str:
    """`test` for a share of the texts of at least `min_words` words, else `train`.

    Texts that differ only in case, digits, spacing or punctuation go together: none is learned and tested.
    """
    normal = unicodedata.normalize("NFKC", text).casefold()
    letters = "".join(filter(str.isalpha, normal))
    digest = hashlib.blake2b(letters.encode(), digest_size=8).digest()
    chosen = int.from_bytes(digest, "big") < held_out_share * 2**64
    return "test" if chosen and len(_WORD.findall(normal)) >= min_words else "train"
