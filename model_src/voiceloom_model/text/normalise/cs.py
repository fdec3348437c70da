"""Czech; CLDR has no Czech ordinals, so they are here."""

from __future__ import annotations

from voiceloom_model.text.normalise.rules import Fractions, Roman, Rules, Speller, table

_STEMS = [
    "nult",
    "prvn",
    "druh",
    "třet",
    "čtvrt",
    "pát",
    "šest",
    "sedm",
    "osm",
    "devát",
    "desát",
    "jedenáct",
    "dvanáct",
    "třináct",
    "čtrnáct",
    "patnáct",
    "šestnáct",
    "sedmnáct",
    "osmnáct",
    "devatenáct",
]
_TENS = ["_", "_", "dvacát", "třicát", "čtyřicát", "padesát", "šedesát", "sedmdesát", "osmdesát", "devadesát"]
_HUNDREDS = ["_", "sto", "dvě_stě", "tři_sta", "čtyři_sta", "pět_set", "šest_set", "sedm_set", "osm_set", "devět_set"]
_HUNDREDTHS = ["_", "st", "dvoust", "tříst", "čtyřst", "pětist", "šestist", "sedmist", "osmist", "devítist"]
_HARD = {
    "om": "ý",
    "of": "á",
    "on": "é",
    "om.gen": "ého",
    "om.dat": "ému",
    "om.loc": "ém",
    "om.abl": "ým",
    "of.gen": "é",
}
_SOFT = {
    "om": "í",
    "of": "í",
    "on": "í",
    "om.gen": "ího",
    "om.dat": "ímu",
    "om.loc": "ím",
    "om.abl": "ím",
    "of.gen": "í",
}
_HARD |= {f"o{form[2:]}": ending for form, ending in _HARD.items() if form[1] == "m"}
_SOFT |= {f"o{form[2:]}": ending for form, ending in _SOFT.items() if form[1] == "m"}
_SOFT_STEMS = {"prvn", "třet"}
_NO_PREPOSITION = "".join(f"(?<!{word} )" for word in ["v", "V", "ve", "na", "do", "od", "ze", "po", "k"])
_WITH_LOC = "v|ve|na|o|po|při"


def spell(number: int, form: str = "") -> str:
    """Ordinals below 1000 in the forms "om", "of", "on" and their cases; "" for all that CLDR spells."""
    if form not in _HARD or number >= 1000:
        return ""
    hundreds, rest = divmod(number, 100)
    if hundreds and not rest:
        return _HUNDREDTHS[hundreds] + _HARD[form]
    stems = [_STEMS[rest]] if rest < 20 else [_TENS[rest // 10], *([_STEMS[rest % 10]] if rest % 10 else [])]
    words = " ".join(stem + (_SOFT if stem in _SOFT_STEMS else _HARD)[form] for stem in stems)
    return f"{_HUNDREDS[hundreds].replace('_', ' ')} {words}" if hundreds else words


def counted(number: str) -> int:
    """jedna koruna, dvě koruny, pět korun; 2,5 koruny has a form of its own."""
    if "." in number:
        return 3
    return 0 if number == "1" else 1 if number in ("2", "3", "4") else 2


def read_decimals(spell_number: Speller, whole: str, part: str) -> str:
    """2,5: dvě celé pět."""
    unit = ("celá", "celé", "celých")[counted(whole.lstrip("0") or "0")] if int(whole) else "celá"
    zeros = " ".join(["nula"] * (len(part) - len(part.lstrip("0"))))
    tail = spell_number(int(part), "f") if part.strip("0") else ""
    return " ".join(word for word in (spell_number(int(whole), "f"), unit, zeros, tail) if word)


_KINGS = (
    "Karel|Václav|Jiří|Ferdinand|František|Josef|Rudolf|Leopold|Ludvík|Vladislav|Přemysl|Otakar|Jindřich|Fridrich|"
    "Vilém|Filip|Jan|Pavel|Pius|Benedikt|Lev|Řehoř|Klement|Inocenc|Petr|Mikuláš|Alexandr|Napoleon|Eduard|Zikmund|Bedřich"
)
_STOP = r"(?:\.(?=\s*\S))?"  # the stop after a numeral, but not the one that ends the text
_QUEENS = "Alžběta|Kateřina|Marie|Anna|Markéta"
_MASCULINE = (
    "roky|dny|týdny|měsíce|metry|kusy|stupně|domy|vlaky|body|stromy|muži|lidé|hrady|stoly|vozy|hosté|kilometry|litry"
)

RULES = Rules(
    language="cs",
    groups=r"[ .]",
    spell=spell,
    forms={
        **{"": "spellout-numbering", "m": "spellout-cardinal-masculine", "f": "spellout-cardinal-feminine"},
        **{"n": "spellout-cardinal-neuter", **dict.fromkeys(_HARD, "")},
    },
    point="celých",
    minus="minus",
    decimals=read_decimals,
    to="až",
    ratio="ku",
    agreement=(
        (r"1", r" (?:[^\W\d_]+[ae]|[^\W\d_]+ost)\b", "f"),
        (r"1", r" [^\W\d_]+[oí]\b", "n"),
        (r"2", rf" (?:{_MASCULINE})\b", "m"),
        (r"2", r" [^\W\d_]+[yaeě]\b", "f"),
        (r".*", r" [^\W\d_]", "m"),
    ),
    governors={
        **dict.fromkeys(["dne", "od", "do", "ze", "z"], "gen"),
        **dict.fromkeys(("k", "ke"), "dat"),
        **dict.fromkeys(_WITH_LOC.split("|"), "loc"),
    },
    cases={"big": lambda _: 2},
    plural=counted,
    part="0.5",
    percent="n:procento|procenta|procent|procenta",
    units=table(
        "str.=f:strana|strany|stran|strany; "
        "km=m:kilometr|kilometry|kilometrů|kilometru; m=m:metr|metry|metrů|metru; "
        "cm=m:centimetr|centimetry|centimetrů|centimetru; mm=m:milimetr|milimetry|milimetrů|milimetru; "
        "kg=m:kilogram|kilogramy|kilogramů|kilogramu; g=m:gram|gramy|gramů|gramu; "
        "mg=m:miligram|miligramy|miligramů|miligramu; t=f:tuna|tuny|tun|tuny; l=m:litr|litry|litrů|litru; "
        "ml=m:mililitr|mililitry|mililitrů|mililitru; ha=m:hektar|hektary|hektarů|hektaru; "
        "m²=m:metr čtvereční|metry čtvereční|metrů čtverečních|metru čtverečního; "
        "km²=m:kilometr čtvereční|kilometry čtvereční|kilometrů čtverečních|kilometru čtverečního; "
        "m³=m:metr krychlový|metry krychlové|metrů krychlových|metru krychlového; "
        "km/h=m:kilometr za hodinu|kilometry za hodinu|kilometrů za hodinu|kilometru za hodinu; "
        "m/s=m:metr za sekundu|metry za sekundu|metrů za sekundu|metru za sekundu; "
        "°C, ° C, ℃=m:stupeň Celsia|stupně Celsia|stupňů Celsia|stupně Celsia; °=m:stupeň|stupně|stupňů|stupně; "
        "h, hod.=f:hodina|hodiny|hodin|hodiny; min, min.=f:minuta|minuty|minut|minuty; "
        "s=f:sekunda|sekundy|sekund|sekundy; ms=f:milisekunda|milisekundy|milisekund|milisekundy; "
        "Hz=m:hertz|hertze|hertzů|hertzu; kHz=m:kilohertz|kilohertze|kilohertzů|kilohertzu; "
        "MHz=m:megahertz|megahertze|megahertzů|megahertzu; GHz=m:gigahertz|gigahertze|gigahertzů|gigahertzu; "
        "kB=m:kilobajt|kilobajty|kilobajtů|kilobajtu; MB=m:megabajt|megabajty|megabajtů|megabajtu; "
        "GB=m:gigabajt|gigabajty|gigabajtů|gigabajtu; TB=m:terabajt|terabajty|terabajtů|terabajtu; "
        "V=m:volt|volty|voltů|voltu; W=m:watt|watty|wattů|wattu; kW=m:kilowatt|kilowatty|kilowattů|kilowattu; "
        "MW=m:megawatt|megawatty|megawattů|megawattu; "
        "kWh=f:kilowatthodina|kilowatthodiny|kilowatthodin|kilowatthodiny; ks=m:kus|kusy|kusů|kusu; "
        "mil.=m:milion|miliony|milionů|milionu; mld.=f:miliarda|miliardy|miliard|miliardy; ‰=n:promile; "
        "tis.=m:tisíc|tisíce|tisíc|tisíce"
    ),
    money=table(
        "Kč, CZK=f:koruna|koruny|korun|koruny/m:haléř|haléře|haléřů; €, EUR=n:euro|eura|eur|eura/m:cent|centy|centů; "
        "$, USD=m:dolar|dolary|dolarů|dolaru/m:cent|centy|centů; £=f:libra|libry|liber|libry/f:pence"
    ),
    big=table(
        "mil., mil, mio.=m:milion|miliony|milionů|milionu; mld., mld=f:miliarda|miliardy|miliard|miliardy; "
        "tis.=m:tisíc|tisíce|tisíc|tisíce"
    ),
    months=tuple(
        [
            "ledna",
            "února",
            "března",
            "dubna",
            "května",
            "června",
            "července",
            "srpna",
            "září",
            "října",
            "listopadu",
            "prosince",
        ]
    ),
    month_names="ledna led.,února únor.,března,dubna,května,června,července,srpna,září,října,listopadu,prosince",
    written_dates=((r"{d}\. ?{m}(?: {y})?", "{day:om.gen} {month}[ {year}]"),),
    numeric_dates=(r"(?<![\w.]){d}\. ?{m}\. ?{y}(?!\w)", r"(?<![\w.]){d}\. ?{m}\.(?P<y>)(?=\s[^\W\d])"),
    date="{day:om.gen} {month}[ {year}]",
    clock="{hour} {minute}",
    clock_full="{hour:f} {h}",
    clock_oh="{hour} nula {minute}",
    clock_marks=r":|\.(?=[0-5]\d (?:h|hod))",
    clock_after=r" ?(?:hod\.?|h)(?!\w)",
    clock_second="f:sekunda|sekundy|sekund",
    phone=r"[2-7]\d\d \d{3} \d{3}",
    fractions=Fractions(
        "2:jedna_polovina 3:jedna_třetina 4:jedna_čtvrtina 5:jedna_pětina 6:jedna_šestina 7:jedna_sedmina "
        "8:jedna_osmina 10:jedna_desetina",
        "3:třetiny 4:čtvrtiny 5:pětiny 6:šestiny 7:sedminy 8:osminy 10:desetiny",
        "a",
        "{n} lomeno {d}",
        form="f",
        half="{whole} a půl",
    ),
    ordinals=((r"-?tý", "om"), (r"-?tého", "om.gen"), (r"-?tém", "om.loc")),
    dotted_ordinals="[Vv]|[Vv]e|[Nn]a|[Dd]o|[Oo]d|[Zz]e|[Zz]|[Kk]|[Kk]e|[Pp]o|[Dd]ne",
    romans=(
        Roman(rf"\b(?:{_KINGS}) ", _STOP, "om"),
        Roman(r"\b(?:Karla|Václava|Jiřího|Ferdinanda|Josefa|Rudolfa|Jana|Pavla|Ludvíka) ", _STOP, "om.gen"),
        Roman(rf"\b(?:{_QUEENS}) ", _STOP, "of"),
        Roman(r"\b(?:[Kk]apitola|[Čč]ást) ", _STOP),
        Roman("", r"\.(?= (?:světová|třída|část|kapitola))", "of"),
        Roman("", r"\.(?= (?:světové|třídy|části|kapitoly))", "of.gen"),
        Roman("", r"\.(?= (?:díl|ročník|svazek))", "om"),
    ),
    extra=(
        (r"(?<!\w)#(?=\d)", "číslo "),
        (rf"{_NO_PREPOSITION}(?<![\w.,])(?P<n>\d{{1,3}})\. (?=(?:století|místo|patro|narozeniny|výročí)\b)", "{n:on} "),
        (r"(?<=\d) ?[x×] ?(?=\d)", " krát "),
    ),
    abbreviations=table(
        "Dr., MUDr., JUDr., PhDr.=Doktor; dr.=doktor; Ing.=Inženýr; ing.=inženýr; Mgr.=Magistr; Bc.=Bakalář; "
        "prof.=profesor; Prof.=Profesor; doc.=docent; tj.=to je; např.=například; tzn.=to znamená; tzv.=takzvaný; "
        "popř.=popřípadě; resp.=respektive; mj.=mimo jiné; cca=cirka; př. n. l.=před naším letopočtem; "
        "n. l.=našeho letopočtu; tel.=telefon; mil.=milionů; mld.=miliard; tis.=tisíc; stol.=století; hod.=hodin; "
        "vč.=včetně"
    ),
    closing=table("atd.=a tak dále; apod.=a podobně; aj.=a jiné; atp.=a tak podobně"),
    before_number=table(
        "č.=číslo; č. p., čp.=číslo popisné; str., s.=strana; odst.=odstavec; §=paragraf; max.=maximálně; "
        "min.=minimálně; obr.=obrázek; kap.=kapitola"
    ),
    before_name=table("p.=pan; sv.=svatý; ul.=ulice"),
    symbols=table(
        "&=a; +=plus; ==rovná se; %=procent; @=zavináč; #=křížek; §=paragraf; −=minus; ±=plus minus; ×=krát; "
        "÷=děleno; <=menší než; >=větší než; °=stupňů; №=číslo; ²=na druhou; ³=na třetí; €=eur; $=dolarů; £=liber; ©="
    ),
    at="zavináč",
    dot="tečka",
    slash="lomítko",
    hyphen="pomlčka",
    underscore="podtržítko",
    domains=table("cz=cé zet; sk=es ká; eu=é ú"),
)

REGIONS: dict[str, Rules] = {}
