"""The languages a model's embedding table knows. The order is the id: append, never insert."""

from __future__ import annotations

#: Base languages (ISO 639); id 0 stands for every language not listed.
LANGUAGES: tuple[str, ...] = (
    *("und", "en", "es", "fr", "it", "ru", "de", "nl", "cs", "pt", "pl", "sv", "da", "nb", "fi", "hu"),
    *("ro", "uk", "bg", "sr", "hr", "sk", "sl", "el", "tr", "ar", "fa", "he", "hi", "bn", "ta", "te"),
    *("ur", "id", "ms", "vi", "th", "ko", "ja", "zh", "yue", "ca", "eu", "gl", "cy", "ga", "is", "lv"),
    *("lt", "et", "ka", "hy", "az", "kk", "uz", "mn", "sw", "am", "yo", "zu", "af", "eo", "la", "ne"),
)
N_LANGUAGES = len(LANGUAGES)
_IDS = {language: index for index, language in enumerate(LANGUAGES)}


def base_language(tag: str) -> str:
    """The base language of a BCP 47 tag: `en` of `en-US`; a listed dialect (`zh-yue`) is one of its own."""
    parts = tag.lower().split("-")
    return parts[1] if len(parts) > 1 and len(parts[1]) == 3 and parts[1] in _IDS else parts[0]


def language_id(tag: str) -> int:
    """The row of the language embedding for a BCP 47 tag; 0 for a language without a row of its own."""
    return _IDS.get(base_language(tag), 0)
