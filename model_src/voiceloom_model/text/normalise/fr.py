"""French; Belgian and Swiss French say septante and nonante."""

from dataclasses import replace

from voiceloom_model.text.normalise.rules import Fractions, Roman, Rules, below_two, table

_QUEENS = "Élisabeth|Elisabeth|Catherine|Victoria|Marie|Isabelle|Christine|Margrethe"
_KINGS = (
    "Louis|Henri|Charles|Philippe|François|Napoléon|Jean|Paul|Pie|Benoît|Léon|Grégoire|Clément|Innocent|Urbain|Georges|"
    "George|Édouard|Guillaume|Richard|Jacques|Nicolas|Alexandre|Pierre|Frédéric|Ramsès|Léopold|Albert|Robert|Hugues|Otton"
)
_PARTS = (
    "[Cc]hapitres?|[Tt]omes?|[Vv]olume|[Pp]artie|[Aa]cte|[Ss]cène|"
    "[Ll]ivre|[Tt]itre|[Aa]rticle|[Aa]nnexe|[Pp]hase|[Tt]ype|Paris"
)
_CENTURY = r"(?=(?:e|è|ème|ᵉ) ?[Ss](?:iècle|\.))"

RULES = Rules(
    language="fr",
    groups=r"[ .]",
    forms={
        **{"": "spellout-numbering", "m": "spellout-cardinal-masculine", "f": "spellout-cardinal-feminine"},
        **{"o": "spellout-ordinal-masculine", "of": "spellout-ordinal-feminine"},
    },
    polish=(
        (".*", "vingt-et-un", "vingt et un"),
        (".*", r"(trente|quarante|cinquante|soixante|septante|huitante|octante|nonante)-et-(un|onze)", r"\1 et \2"),
    ),
    point="virgule",
    minus="moins",
    fraction_as_number=True,
    to="à",
    agreement=(
        (
            r"(?:.*[^19])?[1]",
            r" (?:fois|heures?|minutes?|secondes?|personnes?|pages?|années?|semaines?|femmes?|filles?)\b",
            "f",
        ),
        (
            r"(?:.*[^19])?[1]",
            r" (?:livres?|voitures?|maisons?|villes?|tonnes?|mères?|sœurs?|tables?|nuits?|journées?)\b",
            "f",
        ),
        (
            r"(?:.*[^19])?[1]",
            r" [^\W\d_]+(?:tions?|sions?|ités?|ettes?|elles?|ées?|ures?|ances?|ences?|ines?|euses?)\b",
            "f",
        ),
    ),
    plural=below_two,
    percent=":pour cent",
    units=table(
        "m/s²=m:mètre par seconde au carré|mètres par seconde au carré; "
        "p.=f:page|pages; "
        "km=m:kilomètre|kilomètres; m=m:mètre|mètres; cm=m:centimètre|centimètres; mm=m:millimètre|millimètres; "
        "µm, μm=m:micromètre|micromètres; kg=m:kilogramme|kilogrammes; g=m:gramme|grammes; "
        "mg=m:milligramme|milligrammes; t=f:tonne|tonnes; l, L=m:litre|litres; ml=m:millilitre|millilitres; "
        "cl=m:centilitre|centilitres; m²=m:mètre carré|mètres carrés; ha=m:hectare|hectares; "
        "km²=m:kilomètre carré|kilomètres carrés; cm²=m:centimètre carré|centimètres carrés; "
        "m³=m:mètre cube|mètres cubes; cm³=m:centimètre cube|centimètres cubes; "
        "km/h=m:kilomètre par heure|kilomètres par heure; m/s=m:mètre par seconde|mètres par seconde; "
        "°C, ° C, ℃=m:degré Celsius|degrés Celsius; °=m:degré|degrés; h=f:heure|heures; min, mn=f:minute|minutes; "
        "s=f:seconde|secondes; ms=f:milliseconde|millisecondes; Hz=m:hertz; kHz=m:kilohertz; MHz=m:mégahertz; "
        "GHz=m:gigahertz; Ko, ko=m:kilooctet|kilooctets; Mo=m:mégaoctet|mégaoctets; Go=m:gigaoctet|gigaoctets; "
        "To=m:téraoctet|téraoctets; V=m:volt|volts; W=m:watt|watts; kW=m:kilowatt|kilowatts; MW=m:mégawatt|mégawatts; "
        "kWh=m:kilowattheure|kilowattheures; dB=m:décibel|décibels; kcal=f:kilocalorie|kilocalories; ‰=:pour mille"
    ),
    money=table(
        "€, EUR=m:euro|euros/m:centime|centimes; $, US$, USD=m:dollar|dollars/m:cent|cents; "
        "£=f:livre|livres/m:penny|pence; ¥=m:yen|yens; CHF=m:franc suisse|francs suisses/m:centime|centimes; "
        "FF=m:franc|francs"
    ),
    money_template="{whole} {noun} {part}",
    big=table(
        "million, millions, M=m:million|millions; milliard, milliards, Md, Mds=m:milliard|milliards; mille, k=:mille"
    ),
    of=" de ",
    months=tuple(
        [
            "janvier",
            "février",
            "mars",
            "avril",
            "mai",
            "juin",
            "juillet",
            "août",
            "septembre",
            "octobre",
            "novembre",
            "décembre",
        ]
    ),
    month_names=(
        "janvier janv.,février févr. fév.,mars,avril avr.,mai,juin,juillet juil.,août,septembre sept.,octobre oct.,"
        "novembre nov.,décembre déc."
    ),
    written_dates=(
        (r"1(?P<d>)er {m}(?: {y})?", "premier {month}[ {year}]"),
        (r"{d} {m}(?: {y})?", "{day} {month}[ {year}]"),
    ),
    numeric_dates=(r"(?<![\w/]){d}/{m}/{y}(?![\w/])", r"(?<![\w.]){d}\.{m}\.{y}(?!\w)"),
    first_day="premier",
    date="{day} {month} {year}",
    clock="{hour:f} {h} {minute}",
    clock_full="{hour:f} {h}",
    clock_marks=" ?h ?|:",
    clock_second="f:et seconde|et secondes",
    phone=r"0\d(?:[ .-]\d\d){4}",
    phone_pairs=True,
    fractions=Fractions(
        "2:un_demi 3:un_tiers 4:un_quart 5:un_cinquième 6:un_sixième 7:un_septième 8:un_huitième "
        "9:un_neuvième 10:un_dixième",
        "2:demis 3:tiers 4:quarts 5:cinquièmes 6:sixièmes 7:septièmes 8:huitièmes 9:neuvièmes 10:dixièmes",
        "et",
        "{n} sur {d}",
        half="{whole} et demi",
    ),
    ordinals=((r"(?:er|ᵉʳ)", "o"), (r"(?:re|ère)", "of"), (r"(?:e|ᵉ|è|ème|eme|ième|nd|nde)s?", "o")),
    romans=(
        Roman("", r"(?:e|è|ème|ᵉ)(?= (?:et|au|ou) (?:le |du )?[IVX]+(?:e|ème))", "o"),
        Roman("", _CENTURY + r"(?:e|è|ème|ᵉ)", "o"),
        Roman(rf"\b(?:{_KINGS}) ", "er(?=\\b)", "o"),
        Roman(rf"\b(?:{_QUEENS}) ", "(?:re|ère)?", "of", 1),
        Roman(rf"\b(?:{_KINGS}) ", "", "o", 1),
        Roman(rf"\b(?:{_PARTS}) "),
        Roman(r"\bl'an ", ""),
        Roman("", "(?:e|ème)(?= République| Empire| Reich| arrondissement| Internationale)", "o"),
        Roman("", "re(?= République)", "of"),
    ),
    extra=(
        (r"(?<!\w)#(?=\d)", "numéro "),
        (r"(?<!\w)[nN][°ºo]s? ?(?=\d)", "numéro "),
        (r"(?<![\w.,])0?1 ?h(?![\w/]| ?\d)", "une heure"),
        (r"(?<![\w.,])(?P<h>[01]?\d|2[0-4]) ?h(?![\w/]| ?\d)", "{h:f} heures"),
        (r"(?<=\d) ?[x×] ?(?=\d)", " fois "),
    ),
    abbreviations=table(
        "MM.=Messieurs; Mme=Madame; Mmes=Mesdames; Mlle=Mademoiselle; Mlles=Mesdemoiselles; Dr, Dr.=docteur; "
        "c.-à-d.=c'est-à-dire; p. ex.=par exemple; av. J.-C.=avant Jésus-Christ; env.=environ; "
        "apr. J.-C.=après Jésus-Christ; J.-C.=Jésus-Christ; av.=avenue; bd=boulevard; Bd=Boulevard; chap.=chapitre; "
        "tél.=téléphone; Tél.=Téléphone; cf.=confer; Cie=compagnie; éd.=édition; s.v.p.=s'il vous plaît; "
        "Mgr=Monseigneur; vs=contre"
    ),
    closing=table("etc.=et cetera"),
    before_number=table(
        "p.=page; pp.=pages; no=numéro; al.=alinéa; vol.=volume; max.=maximum; min.=minimum; art.=article; fig.=figure"
    ),
    before_name=table("M.=Monsieur; St=Saint; Ste=Sainte; Pr=professeur"),
    symbols=table(
        "&=et; +=plus; ==égale; %=pour cent; @=arobase; #=dièse; §=paragraphe; ±=plus ou moins; ×=fois; ÷=divisé par; "
        "<=inférieur à; >=supérieur à; °=degrés; ^=puissance; ²=au carré; ³=au cube; €=euros; $=dollars; £=livres; "
        "−=moins; №=numéro; ©="
    ),
    at="arobase",
    dot="point",
    slash="barre oblique",
    hyphen="tiret",
    underscore="tiret bas",
    domains=table("fr=F R; be=B E; ch=C H; eu=E U; ca=C A"),
)
REGIONS = {
    "fr-be": replace(RULES, language="fr_BE"),
    "fr-ch": replace(RULES, language="fr_CH", decimal=",", groups=r"[ '.]"),
}
