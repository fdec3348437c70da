"""French: gruut's lexicon and CRF, and liaison, which joins a silent final consonant to the next word's vowel.

Liaison is made where it is all but obligatory: after articles, pronouns, numerals and short prepositions, before
a vowel and not before an aspirated h.
"""

from __future__ import annotations

from functools import lru_cache

from voiceloom_model.text.gruut import gruut_identity, words_of
from voiceloom_model.text.reading import Reading, word_pattern, word_set

VERSION = "1"

_LIAISONS = {
    **dict.fromkeys(
        word_set(
            "les des ces mes tes ses nos vos nous vous ils elles aux dans sans chez très plus deux trois six dix "
            "quelques plusieurs leurs certains autres petits grands beaux ces quels quelles mêmes toutes sous"
        ),
        "z",
    ),
    **dict.fromkeys(word_set("un mon ton son en on bien rien aucun commun"), "n"),
    **dict.fromkeys(word_set("est sont ont vont petit grand quand tout cet vingt cent huit sept fait dit"), "t"),
}
_SAID_ALREADY = {"cet", "huit", "sept"}  # their consonant is heard anyway
_ASPIRATED = word_set(
    "ha hache hachis haie haies haine haines haïr halte hamac hamburger hameau hamster hanche hand handball "
    "handicap handicapé handicapés hangar hanneton harceler hardi hareng haricot haricots harnais harpe hasard "
    "hasards hâte hausse haut haute hautes hauteur hauts havre hérisson hernie héron héros hêtre heurter hibou hic "
    "hiérarchie hideux hobby hocher hockey hollandais hollande homard hongrie hongrois honte honteux hoquet hors "
    "houle housse houx huit huitième hurlement hurler hutte onze onzième oui ouistiti yaourt yacht yoga"
)
_VOWELS = "aeiouyøœɐɑɒɔəɛɥjw"


def read(text: str) -> Reading:
    """IPA of French text."""
    pieces: list[str] = []
    guessed: list[str] = []
    previous, end = "", 0
    for match in word_pattern().finditer(text):
        word = match[0].casefold()
        phonemes, is_guess = _ipa(word)
        if is_guess:
            guessed.append(word)
        between = text[end : match.start()]
        link = _LIAISONS.get(previous) if between.isspace() or between == "-" else None
        joined = link is not None and phonemes[:1] in _VOWELS and word not in _ASPIRATED
        pieces += [between, link if joined and previous not in _SAID_ALREADY else "", phonemes]
        previous, end = word.rpartition("-")[2], match.end()
    return Reading("".join([*pieces, text[end:]]), tuple(guessed))


def identity() -> dict[str, str]:
    """What decides the readings."""
    return gruut_identity("fr", VERSION)


@lru_cache(maxsize=50_000)
def _ipa(word: str) -> tuple[str, bool]:
    phonemes, guessed = words_of("fr").read(word)
    return phonemes.replace(" ", "").replace("SIL", ""), guessed
