"""Text to phonemes to ids, without torch: `phonemize` asks a language's front end, `encode` makes the ids."""

from voiceloom_model.text.front_ends import FRONT_ENDS, front_end_identity, phonemize
from voiceloom_model.text.languages import LANGUAGES, N_LANGUAGES, language_id
from voiceloom_model.text.symbols import N_SYMBOLS, PAD_ID, SYMBOLS, Tokens, encode, unknown_symbols

__all__ = [
    "FRONT_ENDS",
    "LANGUAGES",
    "N_LANGUAGES",
    "N_SYMBOLS",
    "PAD_ID",
    "SYMBOLS",
    "Tokens",
    "encode",
    "front_end_identity",
    "language_id",
    "phonemize",
    "unknown_symbols",
]
