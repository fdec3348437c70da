"""Every language's front end: real sentences become symbols that a voice knows, with what is typical of each."""

import subprocess
import sys

import pytest

from voiceloom_model.text import front_end_identity, out_of_vocabulary, phonemize, read, reading, unknown_symbols
from voiceloom_model.text.cantonese import jyutping_ipa
from voiceloom_model.text.korean import as_said
from voiceloom_model.text.mandarin import pinyin_ipa
from voiceloom_model.text.notation import VOWELS

#: Letters that are rare elsewhere, in sentences of everyday speech.
SENTENCES = {
    "de": "Zwölf Boxkämpfer jagen Viktor quer über den großen Deich. Fließend, müde und schön!",
    "fr": "Portez ce vieux whisky au juge blond qui fume. L'été, où les enfants vont-ils? Ça, c'est un cœur.",
    "it": "Pranzo d'acqua fa volti sghembi. Perché gli uomini dormono? Buonasera, città!",
    "nl": "'s Ochtends eet ik één boterham met pindakaas. Zo'n mooie zus, een leuk huis!",
    "ru": "Съешь же ещё этих мягких французских булок, да выпей чаю. Его сегодня не было, щука!",
    "es": "El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia. ¿Cómo está usted, señor?",
    "es-MX": "Quiero zapatos, cielo y una cerveza. ¿Dónde está la calle?",
    "pt-BR": "À noite, vovô Kowalsky vê o ímã cair no pé do pinguim. Bom dia, coração!",
    "pt-PT": "À noite, o avô vê o ímã cair no pé do pinguim. Bom dia, coração!",
    "cs": "Příliš žluťoučký kůň úpěl ďábelské ódy. Dobrý den, jak se máte?",
    "pl": "Zażółć gęślą jaźń. Dzień dobry, jak się masz? Szczęście!",
    "sv": "Flygande bäckasiner söka hwila på mjuka tuvor. Sju sjösjuka sjömän!",
    "fi": "Hyvää huomenta, mitä kuuluu? Yötä, äiti!",
    "el": "Καλημέρα, τι κάνεις; Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.",
    "hi": "नमस्ते, आप कैसे हैं? सभी मनुष्यों को अधिकार है।",
    "vi": "Xin chào, bạn có khỏe không? Tất cả mọi người.",
    "ko": "안녕하세요, 반갑습니다. 모든 인간은 태어날 때부터 자유롭다!",
    "zh": "你好，我想买一个苹果。他不是好老师！女儿、旅行、绿色；小孩儿玩OK吗？",
    "zh-yue": "今日天氣好好，我哋去飲茶啦！唔該，五個。",
    "ja": "今日は良い天気ですね。東京へ行きましょう！ちょっとメールを送った？",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_sentences_become_symbols_that_a_voice_knows(language):
    phonemes = phonemize(SENTENCES[language], language)
    assert unknown_symbols(phonemes) == []
    assert len(phonemes) > 20 and phonemes.count("?") + phonemes.count("!") >= 1
    assert not any(symbol.isupper() for symbol in phonemes)


@pytest.mark.parametrize("language", ["de", "it", "nl", "ru", "es", "cs", "pt-BR"])
def test_native_stress_stands_directly_before_its_vowel(language):
    phonemes = phonemize(SENTENCES[language], language)
    after = [phonemes[at + 1] for at, symbol in enumerate(phonemes) if symbol in "ˈˌ"]
    assert after and set(after) <= {*VOWELS, "r", "l", "\u0329"}  # Czech syllables may do without a vowel


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "Die Straße zum Museum.", "diː ʃtʁˈaːsə tsʊm muːzˈeːʊm."),
        ("de-AT", "fließend", phonemize("fließend", "de")),
        ("fr", "les enfants", "le zɑ\u0303fɑ\u0303"),
        ("fr", "les haricots", "le aʁiko"),
        ("fr-CA", "un ami", "œ\u0303 nami"),
        ("it", "un bicchiere d'acqua", "un bikkjˈɛre dˈakkwa"),
        ("nl", "'t huis", "ət hœːys"),
        ("es-ES", "zapato", "θapˈato"),
        ("es-MX", "zapato", "sapˈato"),
        ("es-419", "cielo", "sjˈelo"),
        ("es-AR", "yo llevo", "ʃˈo ʃˈeβo"),
        ("pt-BR", "dia", "dʒˈiɐ"),
        ("pt-PT", "dia", "dˈiɐ"),
        ("cs", "řeka", "r\u031dˈɛka"),
        ("zh", "你好", "ni2xau3"),
        ("zh", "一个", "i2kɤ4"),
        ("zh", "不是", "pu2ʂɻ\u03294"),
        ("zh-yue", "廣東話", "kʷɔːŋ2 tʊŋ1 waː2"),
        ("ja", "雨", "↑a↓me"),
        ("ja", "飴", "a↑me"),
    ],
)
def test_what_is_typical(language, text, expected):
    assert phonemize(text, language) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("молоко", "məɫɐkˈo"),  # vowels two and one syllables before the stress
        ("его", "jɪvˈo"),
        ("большого", "bɐlʲʂˈovə"),
        ("город", "ɡˈorət"),
        ("отдать", "ɐddˈatʲ"),
        ("сегодня", "sʲɪvˈodnʲə"),
        ("что", "ʂtˈo"),
        ("смеётся", "smʲɪjˈotsə"),
        ("жить", "ʐˈɨtʲ"),
        ("в городе", "v ɡˈorədʲɪ"),
        ("в парке", "f pˈarkʲɪ"),
        ("считать", "ɕːɪtˈatʲ"),
    ],
)
def test_russian_is_read_as_it_is_said(text, expected):
    assert phonemize(text, "ru") == expected


@pytest.mark.parametrize(
    ("syllable", "expected"),
    [
        ("zhong1", "ʈʂʊŋ1"),
        ("yuan2", "ɥɛn2"),
        ("lv4", "ly4"),
        ("xue2", "ɕɥɛ2"),
        ("you3", "jou3"),
        ("wo3", "wo3"),
        ("bo1", "po1"),
        ("er4", "aɚ4"),
        ("si4", "sɹ\u03294"),
        ("qing3", "tɕʰiŋ3"),
        ("weng1", "wəŋ1"),
        ("ma5", "ma5"),
    ],
)
def test_pinyin(syllable, expected):
    assert pinyin_ipa(syllable) == expected


def test_jyutping():
    expected = {"gwong2": "kʷɔːŋ2", "jyut6": "jyːt6", "m4": "m\u03294", "ng5": "ŋ\u03295", "heoi3": "hɵy3"}
    assert {syllable: jyutping_ipa(syllable) for syllable in expected} == expected


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("감사합니다", "감사함니다"),
        ("있어요", "이써요"),
        ("없어", "업써"),
        ("좋아요", "조아요"),
        ("좋다", "조타"),
        ("많이", "마니"),
        ("같이", "가치"),
        ("신라", "실라"),
        ("독립", "동닙"),
        ("학교", "학꾜"),
        ("입학", "이팍"),
        ("강아지", "강아지"),
        ("읽는", "잉는"),
    ],
)
def test_hangul_is_respelt_as_it_is_said(written, said):
    assert as_said(written) == said


def test_every_pinyin_syllable_of_the_dictionary_is_in_the_table():
    from pypinyin.constants import PINYIN_DICT
    from pypinyin.style import convert

    marked = {reading for readings in PINYIN_DICT.values() for reading in readings.split(",")}
    syllables = {convert(reading, 8, False) for reading in marked}  # 8: a digit at the end
    toned = {syllable if syllable[-1].isdigit() else f"{syllable}5" for syllable in syllables}
    unread = [syllable for syllable in toned if unknown_symbols(pinyin_ipa(syllable))]
    assert len(toned) > 1200 and unread == []


def test_words_that_no_lexicon_holds_are_reported():
    assert out_of_vocabulary("Das Schmorblangen ist schön, das Schmorblangen.", "de") == ["schmorblangen"] * 2
    assert out_of_vocabulary("The zyxomatic voice.", "en-US") == ["zyxomatic"]
    assert out_of_vocabulary("Книга на бляхумундере.", "ru") == ["бляхумундере"]
    assert out_of_vocabulary("Cualquier palabrota se lee por sus letras.", "es") == []


def test_other_scripts_are_romanised_where_no_front_end_knows_the_language():
    assert phonemize("Привет, κόσμε!", "tlh") == "privet, kosme!"


def test_latin_words_in_chinese_are_read_as_english():
    assert phonemize("我用iPhone", "zh").endswith("ˈaɪfˌoʊn")


def test_a_language_says_which_package_it_misses(monkeypatch):
    def missing(package):
        raise reading.PackageNotFoundError(package)

    monkeypatch.setattr(reading, "version", missing)
    with pytest.raises(
        ValueError, match=r"et is read with orthography2ipa.*pip install 'voiceloom-model\[languages\]'"
    ):
        phonemize("Tere hommikust", "et")


def test_identities_name_what_decides():
    identities = {tag: front_end_identity(tag) for tag in ("de", "fr", "ru", "zh", "zh-yue", "ja", "es", "es-MX")}
    assert len({identity["name"] for identity in identities.values()}) == len(identities)
    assert all(identity["normaliser"] and "+" in identity["version"] for identity in identities.values())
    assert len(identities["de"]["data"]) == 32
    assert front_end_identity("de-AT") == identities["de"]


def test_reading_gives_phonemes_and_guesses_at_once():
    assert read("Guten Tag.", "de") == (phonemize("Guten Tag.", "de"), ())


def test_languages_need_neither_torch_nor_librosa_and_come_when_asked_for():
    program = (
        "import sys; from voiceloom_model.text import phonemize; before = set(sys.modules);"
        "heavy = {'jieba', 'pycrfsuite', 'orthography2ipa', 'uroman', 'haqumei', 'pypinyin', 'ToJyutping'};"
        "assert not heavy & before, heavy & before; [phonemize('Casa 猫', tag) for tag in ('it', 'es', 'ja')];"
        "sys.exit(bool({'torch', 'librosa'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
