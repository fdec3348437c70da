"""Unicode: one spelling for what looks and sounds alike, before any word is read."""

from __future__ import annotations

import re
import unicodedata

_FAST = re.compile(r"[^ -~]|  ")
#: Soft hyphens, zero-width marks, byte order marks, direction marks and variation selectors: nobody speaks them.
_INVISIBLE = dict.fromkeys(
    (
        *(0x00AD, 0x034F, 0x061C, 0x180E, 0xFEFF, 0xFFFC, 0xFFFD),
        *(*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)),
        *(*range(0xFE00, 0xFE10), *range(0xE0000, 0xE0080)),
    )
)
_ZERO_WIDTH_JOINERS = {0x200C, 0x200D}  # letters of Persian and Indic scripts take their shape from them
_JOINING = re.compile(r"[\u0600-\u07ff\u0900-\u0dff]")
_POWER = re.compile(r"(?<=[0-9])(?:[⁰¹⁴-⁹][⁰¹²³⁴-⁹]*|[²³][⁰¹²³⁴-⁹]+)")  # 10⁵ is not 105
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("’‘‛ʼ`´＇", "'"),
        **dict.fromkeys("“”„‟«»‹›〝〞″", '"'),
        **dict.fromkeys("‐‑⁃﹣－", "-"),
        **dict.fromkeys("−﹘", "−"),
        **{"‒": "–", "―": "—", "⁄": "/", "∕": "/", "∶": ":", "′": "'", "㎡": "m²", "㎥": "m³", "٫": ".", "٬": ","},
    }
)
#: NFKC would turn these into something that reads otherwise: m² into m2, ½ into 1⁄2, … into three stops.
_KEPT = set("²³ºª½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞…™№℃℉¨¯´¸˘˙˚˛˜˝")


def clean(text: str) -> str:
    """`text` in NFC, compatibility forms (ﬁ, Ａ, ㎏, ⅷ) resolved, invisible characters gone, spaces single.

    Typographic quotes and apostrophes become `"` and `'`; superscripts 2 and 3, fractions, `…` and `№` stay.
    """
    if not _FAST.search(text):
        return text.strip()
    text = unicodedata.normalize("NFC", text)
    invisible = _INVISIBLE
    if _JOINING.search(text):
        invisible = {code: None for code in _INVISIBLE if code not in _ZERO_WIDTH_JOINERS}
    text = _POWER.sub(lambda match: "^" + unicodedata.normalize("NFKC", match[0]), text)
    text = text.translate(invisible).translate(_PLAIN)
    text = "".join(_compatible(letter) for letter in text)
    return " ".join(unicodedata.normalize("NFC", text).split())


def _compatible(letter: str) -> str:
    """The plain form of one character; digits of every script become 0-9."""
    if letter.isascii() or letter in _KEPT:
        return letter
    if unicodedata.category(letter) in ("Cc", "Zl", "Zp"):
        return " "
    digit = unicodedata.digit(letter, None)
    return str(digit) if digit is not None else unicodedata.normalize("NFKC", letter)
