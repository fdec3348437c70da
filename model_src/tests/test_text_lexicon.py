"""The user's lexicon: what it matches, that it wins, and what it says of bad lines."""

import pytest

from voiceloom_model.text import Lexicon, lexicon_key, out_of_vocabulary, phonemize


@pytest.fixture
def lexicon(tmp_path):
    def load(*lines: str) -> Lexicon:
        path = tmp_path / "lexicon.tsv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return Lexicon.load(path)

    return load


@pytest.mark.parametrize(
    ("entry", "language", "text", "expected"),
    [
        ("voiceloom\tvˈɔɪslˌum", "en-US", "Voiceloom, please.", "vˈɔɪslˌum, plˈiz."),
        ("Xyzzy Tower\tzˈɪz tˈaʊ", "en-US", "the xyzzy tower!", "ðə zˈɪz tˈaʊ!"),
        ("NASA\tnˈaːsa", "de", "NASA und Nasa", f"nˈaːsa {phonemize('und Nasa', 'de')}"),
        ("Haus\thaʊʔs", "de-AT", "Das Haus.", "das haʊʔs."),
        ("haus\thaʊʔs\tde", "en-US", "haus", phonemize("haus", "en-US")),
        ("haus\thaʊʔs\tde-AT", "de", "haus", phonemize("haus", "de")),
        ("bonjour\tb\tfr", "fr-CA", "Bonjour!", "b!"),
        ("3M\tθɹˈi ˈɛm", "en-US", "We buy 3M glue.", "wˌi bˈaɪ θɹˈi ˈɛm ɡlˈu."),
        ("Zapdos\tt͡sap", "es", "un Zapdos, dos", f"un tsap, {phonemize('dos', 'es')}"),
        ("xyzzy\tzˈɪzi", "de", "das Xyzzy-Haus", "das zˈɪzi hˈaʊs"),
        ("苹果\tpʰi2", "zh", "买苹果吧", "mai3 pʰi2 pa5"),
        ("メール\tme", "ja", "メールです", "me ↑de↓sɯ\u030a"),
        ("bottle\tbˈɒʔl", "en-GB", "a bottle", "ɐ bˈɒʔl"),
    ],
)
def test_an_entry_wins_over_the_front_end(lexicon, entry, language, text, expected):
    assert phonemize(text, language, lexicon(entry)) == expected


def test_an_entry_is_a_whole_word(lexicon):
    short = lexicon("aus\tX")
    assert phonemize("Das Haus", "de", short) == phonemize("Das Haus", "de")
    assert phonemize("It's here.", "en-US", lexicon("it\tX")).startswith("X")


def test_the_longest_phrase_and_the_narrowest_language_come_first(lexicon):
    both = lexicon("new\ta", "new york\tb", "york\tc\ten", "york\td\ten-GB")
    assert phonemize("New York", "en-GB", both) == "b"
    assert phonemize("York", "en-GB", both) == "d"
    assert phonemize("York", "en-US", both) == "c"


def test_what_the_lexicon_holds_is_in_no_need_of_a_guess(lexicon):
    assert out_of_vocabulary("Schmorblangen", "de", lexicon("schmorblangen\tʃmˈoːɐ")) == []


def test_comments_empty_lines_and_a_byte_order_mark_are_no_entries(lexicon):
    assert not lexicon("\ufeff# word\tIPA", "", "   ")


def test_the_key_of_a_text_holds_only_its_own_entries(lexicon):
    first = lexicon("haus\thaʊs", "maus\tmaʊs", "zwei\ttsvaɪ")
    second = lexicon("haus\thaʊs", "maus\tmoːs", "zwei\ttsvaɪ")
    assert lexicon_key("Das Haus", "de", first) == lexicon_key("Das Haus", "de", second) != ""
    assert lexicon_key("Die Maus", "de", first) != lexicon_key("Die Maus", "de", second)
    assert lexicon_key("Der Hund", "de", first) == lexicon_key("Der Hund", "de", Lexicon()) == ""
    assert "tsvaɪ" in lexicon_key("2 Hunde", "de", first)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("word", "line 2: expected word<TAB>IPA"),
        ("word\tw\ten\tmore", "line 2: expected word<TAB>IPA"),
        ("word\twɜ६d", "line 2: '६' in 'wɜ६d' is none of the symbols"),
        ("word\tw\tenglish language", "line 2: 'english language' is no language tag"),
        ("good\tx", "line 2: 'good' is there already, in line 1"),
        ("[x](y)\tx", "is no word that a text could hold"),
    ],
)
def test_a_bad_line_is_named_in_one_sentence(lexicon, line, complaint):
    with pytest.raises(ValueError) as error:
        lexicon("good\tɡʊd", line)
    assert complaint in str(error.value) and "lexicon.tsv" in str(error.value)


def test_no_file_and_no_utf8_are_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not there"):
        Lexicon.load(tmp_path / "none.tsv")
    (tmp_path / "latin.tsv").write_bytes("m\u00fcde\tx\n".encode("latin-1"))
    with pytest.raises(ValueError, match="is not UTF-8"):
        Lexicon.load(tmp_path / "latin.tsv")
