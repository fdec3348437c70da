"""JSON tables that stay the text they come as, with an index, instead of dicts.

hibari's English lexicons and tagger weights take 90 MB as dicts and 20 MB so, and are ready twice as soon; a look-up
takes some 3 µs instead of a tenth of one, which is nothing beside speaking. For devices with little memory.
"""

from __future__ import annotations

import gzip
import json
import re
from array import array
from bisect import bisect_left
from functools import cached_property, lru_cache
from importlib.resources import files
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hibari.g2p import G2P

#: An entry: the key in quotes; and a value that is a string, or an object without objects in it.
_ENTRY = re.compile(rb'("(?:[^"\\]|\\.)*+"):("(?:[^"\\]|\\.)*+"|\{[^{}]*+\})')
CACHED = 4096
#: What the tagger's weights, the last of its tables, begin with.
_WEIGHTS = b',"weights":'


class PackedTable:
    """A compact JSON object, keys → strings or flat objects, that is asked for entries like a dict."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self.get = lru_cache(CACHED)(self._find)

    def __len__(self) -> int:
        return len(self._index[0])

    @cached_property
    def _index(self) -> tuple[array, array]:
        """The hashes of all keys in order, and where in the text their entries begin; made when first needed."""
        hashes, places = array("q"), array("i")
        for match in _ENTRY.finditer(self._text):
            hashes.append(hash(match[1]))
            places.append(match.start())
        order = np.frombuffer(hashes, np.int64).argsort()
        return (
            array("q", np.frombuffer(hashes, np.int64)[order].tobytes()),
            array("i", np.frombuffer(places, np.int32)[order].tobytes()),
        )

    def _find(self, key: str) -> Any:
        """The value of `key`; None where there is none."""
        hashes, places = self._index
        written = encode_basestring(key).encode("utf-8", "surrogatepass")
        wanted = hash(written)
        at = bisect_left(hashes, wanted)
        while at < len(hashes) and hashes[at] == wanted:
            if self._text.startswith(written, places[at]):
                entry = _ENTRY.match(self._text, places[at])
                assert entry is not None
                return json.loads(entry[2].decode())
            at += 1
        return None


def packed_g2p(british: bool) -> G2P:
    """hibari's G2P with packed tables; it reads every text as its own constructor's would."""
    from hibari.g2p import G2P, Lexicon, Tagger, Tokenizer

    g2p = G2P.__new__(G2P)  # its constructor would make the dicts
    accent = "gb" if british else "us"
    gold, silver = (PackedTable(_unpacked(f"lexicon_{accent}_{kind}.json.gz")) for kind in ("gold", "silver"))
    rest, _, weights = _unpacked("tagger.json.gz").partition(_WEIGHTS)
    g2p.lexicon = Lexicon(gold, silver, british)
    g2p.tokenizer = Tokenizer(json.loads(_asset("tokenizer_exceptions.json")))
    g2p.tagger = Tagger({**json.loads(rest + b"}"), "weights": PackedTable(weights)})
    g2p.unk, g2p.british, g2p._oov = "", british, None
    return g2p


def _unpacked(name: str) -> bytes:
    return gzip.decompress(_asset(name))


def _asset(name: str) -> bytes:
    return files("hibari").joinpath("assets", name).read_bytes()
