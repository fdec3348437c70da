"""Words of a gruut-lang package: its lexicon, and its CRF for the words that the lexicon lacks.

Only the data is used, of German, French, Italian, Dutch and Russian: MIT, SQLite and CRFsuite files. The lexicon has no
index there, so its words are copied into one in memory (0.04 to 1 s, 4 to 34 MB).
"""

from __future__ import annotations

import base64
import re
import sqlite3
import unicodedata
from functools import lru_cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from voiceloom_model.text.reading import data_hash, package_versions, require

LEXICON, CRF = "lexicon.db", "g2p/model.crf"
_REACH = 3  # letters on either side that the CRF looks at


class Words:
    """Look-up and guess for one language (`fr`), with the data in `folder` of its package (`` or `espeak/`).

    Phonemes come space-separated, as the data has them.
    """

    def __init__(self, language: str, folder: str = ""):
        self._package = f"gruut-lang-{language}"
        self._folder = f"gruut_lang_{language}/{folder}"
        require(language, self._package, "python-crfsuite")
        self._index = self._indexed()
        self._tagger = self._open_tagger()

    def known(self, word: str) -> str | None:
        """The lexicon's first pronunciation of a word in lower case, or of the name that it may be."""
        query = "SELECT phonemes FROM words WHERE word IN (?, ?) ORDER BY word DESC"
        row = self._index.execute(query, (word, word.capitalize())).fetchone()
        return row and row[0]

    def guess(self, word: str) -> str:
        """The CRF's pronunciation of a word in lower case."""
        labels = self._tagger.tag([_features(word, at) for at in range(len(word))])
        phonemes = (phoneme for label in labels for phoneme in base64.b64decode(label).decode().split("|"))
        return " ".join(phoneme for phoneme in phonemes if phoneme != "_")

    def read(self, word: str) -> tuple[str, bool]:
        """Phonemes of a word, and whether they are a guess; a word of parts is read part by part."""
        word = unicodedata.normalize("NFC", word).lower()
        found = self.known(word) or self.known(word.strip("'"))
        if found is not None:
            return found, False
        parts = [part for part in re.split("['-]", word) if part]
        if len(parts) < 2:
            return self.guess(parts[0] if parts else word), True
        read = [self.read(part) for part in parts]
        return " ".join(phonemes for phonemes, _ in read), any(guessed for _, guessed in read)

    def _indexed(self) -> sqlite3.Connection:
        index = sqlite3.connect(":memory:", uri=True, check_same_thread=False)
        index.execute("ATTACH ? AS package", (f"{self._path(LEXICON).as_uri()}?mode=ro&immutable=1",))
        index.execute("CREATE TABLE words (word TEXT PRIMARY KEY, phonemes TEXT) WITHOUT ROWID")
        index.execute(
            "INSERT OR IGNORE INTO words SELECT word, phonemes FROM package.word_phonemes ORDER BY word, pron_order"
        )
        index.commit()
        index.execute("DETACH package")
        return index

    def _open_tagger(self) -> Any:
        import pycrfsuite

        tagger = pycrfsuite.Tagger()  # pyright: ignore[reportAttributeAccessIssue]
        tagger.open(str(self._path(CRF)))
        return tagger

    def _path(self, name: str) -> Path:
        return Path(str(distribution(self._package).locate_file(self._folder + name))).resolve()


@lru_cache(maxsize=8)
def words_of(language: str, folder: str = "") -> Words:
    """The words of a language, loaded once a process; `NotInstalled` when its package is missing."""
    return Words(language, folder)


@lru_cache(maxsize=8)
def gruut_identity(language: str, mapping: str, folder: str = "") -> dict[str, str]:
    """What decides a reading with `Words`: package versions, the version of the mapping on top, the data."""
    package = f"gruut-lang-{language}"
    require(language, package, "python-crfsuite")
    return {
        "name": package,
        "version": f"{package_versions(package, 'python-crfsuite')} + {mapping}",
        "data": data_hash(package, [f"gruut_lang_{language}/{folder}{name}" for name in (LEXICON, CRF)]),
    }


def _features(word: str, at: int) -> dict[str, str | float | bool]:
    """What the CRF was trained on (gruut 2.4, g2p.py): the letter, three on either side, the word's ends."""
    features: dict[str, str | float | bool] = {"bias": 1.0, "grapheme": _coded(word[at])}
    for step in range(1, _REACH + 1):
        if at >= step:
            features[f"grapheme-{step}"] = _coded(word[at - step])
        if at + step < len(word):
            features[f"grapheme+{step}"] = _coded(word[at + step])
    if at == 0:
        features["begin"] = True
    if at == len(word) - 1:
        features["end"] = True
    return features


def _coded(letter: str) -> str:
    return base64.b64encode(letter.encode()).decode("ascii")
