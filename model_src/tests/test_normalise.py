"""Text as written to text as spoken: the readings of a table, and what holds of any text."""

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceloom_model.text.normalise import normalise
from voiceloom_model.text.normalise.clean import clean
from voiceloom_model.text.normalise.engine import RULES

unicode_rbnf = pytest.importorskip("unicode_rbnf")

LANGUAGES = (*RULES, "en-GB", "es-MX", "fr-BE", "pt-PT", "zh-TW")
OTHERS = (
    "pl",
    "sv",
    "fi",
    "hu",
    "ro",
    "uk",
    "el",
    "tr",
    "ar",
    "hi",
    "fa",
    "th",
    "ko",
    "vi",
    "id",
    "ta",
    "he",
    "km",
    "zu",
)
SPELT = ("eu", "gl", "la", "bn", "ur", "te")  # no numbers in CLDR: ten words here

#: Pieces of text that a normaliser acts on, to be put together at random.
PIECES = (
    *(
        "12",
        "1,234.5",
        "1.234,5",
        "0",
        "007",
        "3rd",
        "3.",
        "2ª",
        "-5",
        "½",
        "3/4",
        "10–20",
        "1998",
        "2024-03-05",
        "5/6/20",
    ),
    *(
        "14:30",
        "8h05",
        "$",
        "€",
        "£5",
        "%",
        "kg",
        "km/h",
        "m²",
        "°C",
        "Dr.",
        "Nr.",
        "z. B.",
        "etc.",
        "St.",
        "г.",
        "№",
        "p.",
    ),
    *(
        "IV",
        "Louis XIV",
        "siècle",
        "May 5",
        "5 mai",
        "мая",
        "a@b.de",
        "www.a.org/1",
        "&",
        "#1",
        "@",
        "x²",
        "~",
        "+49 30",
        "。",
        "年",
    ),
    *("and", "Word", "слово", "字", ".", ",", "!", "(", '"', "'s", "s", "e", "th"),
)


def written_and_spoken():
    with (Path(__file__).parent / "readings.tsv").open(encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def words(text):
    """What is compared: letters only, without case, punctuation, hyphens and the dots of ё."""
    letters = "".join(letter if letter.isalnum() else " " for letter in text.casefold().replace("ё", "е"))
    return letters.split()


@pytest.mark.parametrize(("language", "written", "spoken"), written_and_spoken())
def test_readings(language, written, spoken):
    assert words(normalise(written, language)) in [words(reading) for reading in spoken.split("|")]


def test_the_table_covers_the_languages():
    sentences = Counter(language for language, _, _ in written_and_spoken())
    assert all(sentences[language] >= 25 for language in ("en", "de", "es", "fr", "it", "ru"))
    assert all(sentences[language] >= 12 for language in ("cs", "nl", "pt", "zh", "ja"))


@pytest.mark.parametrize("language", [*LANGUAGES, *OTHERS, *SPELT])
@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=7), st.sampled_from(["", " "]))
def test_no_digit_remains_and_twice_is_once(language, pieces, space):
    spoken = normalise(space.join(pieces), language)
    assert not any(letter.isdigit() for letter in spoken)
    assert normalise(spoken, language) == spoken


@pytest.mark.parametrize("language", ["en", "de", "ru", "zh", "pl", "fa"])
@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_any_text_at_all(language, text):
    spoken = normalise(text, language)
    assert not any(letter.isdigit() for letter in spoken)
    assert normalise(spoken, language) == spoken


@given(st.text(max_size=60))
def test_cleaning_twice_is_cleaning_once(text):
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize("language", unicode_rbnf.RbnfEngine.get_supported_languages())
def test_every_language_with_numbers_spells_them(language):
    for text in ("0", "7", "21", "1999", "3.5", "3,5", "1000000", "1234567890123456789"):
        spoken = normalise(text, language.replace("_", "-"))
        assert spoken and not any(letter.isdigit() for letter in spoken)


@pytest.mark.parametrize(
    ("written", "cleaned"),
    [
        ("ﬁne ﬂow", "fine flow"),
        ("Ａ１２", "A12"),
        ("zero\u200bwidth so\u00adft", "zerowidth soft"),
        ("“Hi”, it’s ‘me’", "\"Hi\", it's 'me'"),
        ("a\u00a0b\u2009c\u3000d\te", "a b c d e"),
        ("cafe\u0301", "café"),
        ("x² ½ …", "x² ½ …"),
        ("٣ ३ ３", "3 3 3"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_unicode(written, cleaned):
    assert clean(written) == cleaned


@pytest.mark.parametrize(
    "text", ["I am here.", "the part I like", "Henry I know well", "Marx and Vic met X.", "a.m. or not"]
)
def test_what_is_no_numeral_stays(text):
    assert normalise(text, "en") == text


def test_a_region_reads_its_own_way():
    assert normalise("150 on 4/3/2020", "en-US") == "one hundred fifty on April third twenty twenty"
    assert normalise("150 on 4/3/2020", "en-GB") == "one hundred and fifty on the fourth of March twenty twenty"
    assert normalise("1,5 a 1.5", "es-MX") == "uno, cinco a uno punto cinco"
    assert normalise("71", "fr-BE") == "septante et un"
    assert normalise("20000元", "zh-TW") == "兩萬元"


def test_a_language_without_known_words_keeps_its_digits_apart():
    assert normalise("In 21", "xx") == "In 2 1"


def test_english_needs_no_package_and_others_say_which():
    code = """
import sys
sys.modules["unicode_rbnf"] = None  # as if it were not installed
from voiceloom_model.text.normalise import normalise
print(normalise("On 3 May 1998 it was -2.5 °C, 1/3 of £5.", "en-GB"))
print(normalise("Kein Zahlwort hier, z. B. keines.", "de"))
assert "torch" not in sys.modules and "hibari" not in sys.modules
try:
    normalise("12", "de")
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    english, german, error = done.stdout.splitlines()
    assert english.startswith("On the third of May nineteen ninety-eight it was minus two point five degrees Celsius")
    assert german == "Kein Zahlwort hier, zum Beispiel keines."
    assert error == "numbers of language 'de' need unicode-rbnf: pip install 'voiceloom-model[languages]'"
