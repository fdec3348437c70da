"""Text to phonemes to ids, without torch: `phonemize` asks a language's front end, `encode` makes the ids."""

from voiceloom_model.text.front_ends import (
    CHOICES,
    FRONT_ENDS,
    choice_for,
    choice_of,
    front_end_identity,
    lexicon_key,
    out_of_vocabulary,
    phonemize,
    read,
)
from voiceloom_model.text.languages import LANGUAGES, N_LANGUAGES, language_id
from voiceloom_model.text.lexicon import Lexicon
from voiceloom_model.text.reading import Reading
from voiceloom_model.text.symbols import N_SYMBOLS, PAD_ID, SYMBOLS, Tokens, encode, unknown_symbols

__all__ = [
    "CHOICES",
    "FRONT_ENDS",
    "LANGUAGES",
    "N_LANGUAGES",
    "N_SYMBOLS",
    "PAD_ID",
    "SYMBOLS",
    "Lexicon",
    "Reading",
    "Tokens",
    "choice_for",
    "choice_of",
    "encode",
    "front_end_identity",
    "language_id",
    "lexicon_key",
    "out_of_vocabulary",
    "phonemize",
    "read",
    "unknown_symbols",
]
