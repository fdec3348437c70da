"""German, Italian and Dutch: gruut's lexicons and CRFs, with native stress, in this package's notation.

German is read from the second of the two lexicons in gruut-lang-de: the first has no stress and many errors
("Wetter" with a k). The second was made by its author from espeak-ng's readings; it comes under the same MIT
licence, and no code of espeak-ng is needed.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial

from voiceloom_model.text.gruut import gruut_identity, words_of
from voiceloom_model.text.reading import FrontEnd, Reading, by_words, word_set

VERSION = "1"

_FOLDER = {"de": "espeak/", "it": "", "nl": ""}

#: What the data write otherwise, within the space-separated phonemes of a word.
_RESPELT: dict[str, dict[str, str]] = {
    "de": {"ɔ ø": "ɔ ʏ", "ɜ": "ɐ", "ɑː": "aː", "ɾ": "ʁ", "r": "ʁ", "??": "ʔ", "-": ""},
    "it": {},
    "nl": {"ɹ": "r", "w": "ʋ"},
}

#: Words that the lexicon lacks or reads as if they stood alone.
_OWN: dict[str, dict[str, str]] = {
    "de": {},
    "it": {
        **{"l'": "l", "d'": "d", "c'": "tʃ", "s'": "s", "m'": "m", "t'": "t", "v'": "v", "un'": "un", "all'": "all"},
        **{"dell'": "dell", "nell'": "nell", "dall'": "dall", "sull'": "sull", "quell'": "kwell", "dov'": "dov"},
        **{"quest'": "kwest", "com'": "kom", "il": "il", "un": "un", "e": "e", "o": "o", "a": "a", "i": "i"},
        **{"gli": "ʎi", "le": "le", "la": "la", "lo": "lo", "è": "ˈɛ", "come": "kˈome", "sta": "stˈa", "di": "di"},
    },
    "nl": {"s'": "s", "t'": "ət", "n'": "ən", "k'": "k", "zo'n": "zoːn", "m'n": "mən", "z'n": "zən"},
}

#: Words without a stress of their own in running speech.
_CLITIC: dict[str, frozenset[str]] = {
    "de": word_set(
        "der die das den dem des ein eine einen einem einer eines und oder aber als wie am an auf aus bei beim bis "
        "durch für gegen im in ins mit nach ob ohne seit so um unter vom von vor weil wenn zu zum zur zwischen dass "
        "daß ich du er sie es wir ihr man mich dich sich uns euch mir dir ihm ihn ihnen ist sind war hat habe wird"
    ),
    "it": frozenset(),
    "nl": word_set("de het een en of in op te van met aan bij voor om is zijn ik je hij ze we dat die er"),
}

_SHORTENED = re.compile(r"(?<!\w)'([stnk])\b")  # Dutch 's, 't: written with the apostrophe behind, to be one word


def read(text: str, language: str) -> Reading:
    """IPA of text in `de`, `it` or `nl`."""
    if language == "nl":
        text = _SHORTENED.sub(r"\1'", text)
    return by_words(text, partial(_ipa, language=language))


def identity(language: str) -> dict[str, str]:
    """What decides the readings."""
    return gruut_identity(language, VERSION, _FOLDER[language])


GERMAN, ITALIAN, DUTCH = (
    FrontEnd(partial(read, language=name), partial(identity, name)) for name in ("de", "it", "nl")
)


@lru_cache(maxsize=50_000)
def _ipa(word: str, language: str) -> tuple[str, bool]:
    word = word.lower()
    if word in _OWN[language]:
        return _OWN[language][word], False
    head, apostrophe, rest = word.partition("'")
    if rest and head + apostrophe in _OWN[language]:
        phonemes, guessed = _ipa(rest, language)
        return _OWN[language][head + apostrophe] + phonemes, guessed
    if rest == "s":
        phonemes, guessed = _ipa(head, language)
        return f"{phonemes}s", guessed
    phonemes, guessed = words_of(language, _FOLDER[language]).read(word)
    for old, new in _RESPELT[language].items():
        phonemes = phonemes.replace(old, new)
    if word in _CLITIC[language]:
        phonemes = re.sub("[ˈˌ]", "", phonemes)
    return phonemes.replace(" ", ""), guessed
