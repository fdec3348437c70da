"""German."""

from voiceloom_model.text.normalise.rules import Fractions, Roman, Rules, table

_WITH_N = (
    "am|vom|zum|beim|im|dem|den|des|bis|ab|seit|zur|der|die|das|ein|eine|einen|jeder|jede|jedes|ihr|sein|mein|und|oder"
)
_KINGS = (
    "Franziskus|Ludwig|Karl|Friedrich|Wilhelm|Heinrich|Otto|Franz|Georg|Albert|Leopold|Maximilian|Ferdinand|Joseph|Johannes|Paul|"
    "Pius|Benedikt|Leo|Elisabeth|Katharina|Napoleon|Nikolaus|Alexander|Peter|Philipp|Rudolf|Konrad|Gregor|Innozenz|"
    "Klemens|Urban|Richard|Eduard|Jakob|Gustav|Christian|Harald|Ramses|Margarethe"
)
_MASCULINE = (
    "Sohn|Mann|Tag|Monat|Hund|Freund|Bruder|Punkt|Platz|Schritt|Löffel|Apfel|Film|Euro|Meter|Liter|Kilometer|Stuhl|Tisch|"
    "Brief|Fehler|Spieler|Schüler|Lehrer|Teil|Satz|Stern|Weg|Ort|Wagen|Zug|Baum|Vogel|Fisch|Ball|Schlüssel|Teller"
)
_WITH_ACCUSATIVE = (
    *("für", "um", "ohne", "pro", "hat", "habe", "haben", "hatte", "hatten", "gibt", "gab"),
    *("kostet", "kosten", "zahlt", "kauft", "braucht", "brauche"),
)
_DAYS = ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag")
_SUFFIXES = "jährig|fach|stündig|tägig|teilig|köpfig|prozentig|minütig|monatig|stellig"
_PARTS = (
    "Kapitel|Teil|Band|Akt|Szene|Weltkrieg|Stufe|Klasse|Artikel|Abschnitt|Buch|Phase|Typ|Apollo|Abb\\.|Tabelle|Anlage"
)

RULES = Rules(
    language="de",
    forms={
        **{"": "spellout-numbering", "m": "spellout-cardinal-masculine", "f": "spellout-cardinal-feminine"},
        **{"n": "spellout-cardinal-neuter", "m.n": "spellout-cardinal-n", "y": "spellout-numbering-year"},
        **{"m.m": "spellout-cardinal-m", "n.m": "spellout-cardinal-m", "f.r": "spellout-cardinal-r"},
        **{"o": "spellout-ordinal-r", "o.e": "spellout-ordinal", "o.n": "spellout-ordinal-n"},
    },
    point="Komma",
    minus="minus",
    to="bis",
    ratio="zu",
    years=range(1100, 2000),
    year_context=(
        r"\b(?:[Jj]ahre?|[Ss]eit|[Vv]on|[Bb]is|[Nn]ach|[Vv]or|[Ii]n|[Aa]b|[Uu]m|[Ee]nde|[Aa]nfang|[Mm]itte|[Aa]nno|"
        r"[Ss]ommer|[Ww]inter|[Hh]erbst|[Ff]rühling|[Ff]rühjahr|und|war|zehnten|elften|zwölften)|[(]|^"
    ),
    agreement=(
        ("1", r" \w+(?:ung|heit|keit|schaft|ion|tät|ie|ik|ur|enz|anz)\b", "f"),
        ("1", r" (?:Woche|Stunde|Minute|Sekunde|Person|Frau|Tonne|Mark|Seite|Million|Milliarde|Nacht|Tasse)\b", "f"),
        ("1", r" [A-ZÄÖÜ]\w+e\b", "f"),
        ("1", rf" (?:{_MASCULINE})\b", "m"),
        ("1", r" [A-ZÄÖÜ]", "n"),
    ),
    governors={
        **dict.fromkeys(
            ["am", "vom", "zum", "beim", "im", "dem", "den", "des", "bis", "ab", "seit", "zur", "und", "oder"], "n"
        ),
        **dict.fromkeys(["der", "die", "das"], "e"),
        **{"mit": "m", **dict.fromkeys(_WITH_ACCUSATIVE, "n")},
    },
    no_year=r" [A-ZÄÖÜ]|-[A-ZÄÖÜ]|[€$£%°]",
    percent=":Prozent",
    units=table(
        "m/s²=m:Meter pro Sekunde hoch zwei; "
        "S.=f:Seite|Seiten; "
        "km=m:Kilometer; m=m:Meter; cm=m:Zentimeter; mm=m:Millimeter; µm, μm=m:Mikrometer; kg=n:Kilogramm; g=n:Gramm; "
        "mg=n:Milligramm; t=f:Tonne|Tonnen; l, L=m:Liter; ml=m:Milliliter; cl=m:Zentiliter; hl=m:Hektoliter; "
        "m², qm=m:Quadratmeter; km²=m:Quadratkilometer; cm²=m:Quadratzentimeter; m³=m:Kubikmeter; "
        "cm³=m:Kubikzentimeter; ha=m:Hektar; km/h=m:Kilometer pro Stunde; m/s=m:Meter pro Sekunde; "
        "°C, ℃=m:Grad Celsius; °F=m:Grad Fahrenheit; °=m:Grad; h, Std., Std=f:Stunde|Stunden; "
        "min, Min.=f:Minute|Minuten; s, Sek.=f:Sekunde|Sekunden; ms=f:Millisekunde|Millisekunden; Hz=n:Hertz; "
        "kHz=n:Kilohertz; MHz=n:Megahertz; GHz=n:Gigahertz; kB=n:Kilobyte; MB=n:Megabyte; GB=n:Gigabyte; "
        "TB=n:Terabyte; V=n:Volt; W=n:Watt; kW=n:Kilowatt; MW=n:Megawatt; kWh=f:Kilowattstunde|Kilowattstunden; "
        "PS=n:P S; dB=n:Dezibel; kcal=f:Kilokalorie|Kilokalorien; ‰=n:Promille; Mio.=f:Million|Millionen; "
        "Mrd.=f:Milliarde|Milliarden; Tsd.=:tausend"
    ),
    money=table(
        "€, EUR=m:Euro/:Cent; $, USD, US$=m:Dollar/:Cent; £=n:Pfund/:Pence; ¥=m:Yen; CHF=m:Schweizer Franken/:Rappen; "
        "Fr.=m:Franken/:Rappen; ct=m:Cent; DM=f:D-Mark"
    ),
    money_template="{whole} {noun} {part}",
    big=table(
        "Mio., Mio, Million, Millionen=f:Million|Millionen; Mrd., Mrd, Milliarde, Milliarden=f:Milliarde|Milliarden; "
        "Tsd., tausend=:tausend"
    ),
    months=tuple(
        [
            "Januar",
            "Februar",
            "März",
            "April",
            "Mai",
            "Juni",
            "Juli",
            "August",
            "September",
            "Oktober",
            "November",
            "Dezember",
        ]
    ),
    month_names=(
        "Januar Jänner Jan. Jan,Februar Feb. Feb,März Mrz.,April Apr.,Mai,Juni Jun.,Juli Jul.,August Aug.,"
        "September Sept. Sep.,Oktober Okt.,November Nov.,Dezember Dez."
    ),
    written_dates=((r"{d}\. ?{m}(?:,? {y})?", "{day:o} {month}[ {year:y}]"),),
    numeric_dates=(r"(?<![\w.]){d}\. ?{m}\. ?{y}(?!\w)", r"(?<![\w.]){d}\.{m}\.(?P<y>)(?=\s[^\W\d])"),
    date="{day:o} {month}[ {year:y}]",
    clock="{hour:n} Uhr {minute}",
    clock_full="{hour:n} Uhr",
    clock_marks="[:.](?=[0-5][0-9] ?Uhr)|:",
    clock_after=" ?Uhr",
    clock_second="f:und Sekunde|und Sekunden",
    fractions=Fractions(
        "2:ein_halb 3:ein_Drittel 4:ein_Viertel 5:ein_Fünftel 6:ein_Sechstel "
        "7:ein_Siebtel 8:ein_Achtel 9:ein_Neuntel 10:ein_Zehntel",
        "2:Halbe 3:Drittel 4:Viertel 5:Fünftel 6:Sechstel 7:Siebtel 8:Achtel 9:Neuntel 10:Zehntel",
        "",
        "{n} durch {d}",
        half="{whole:m}einhalb",
    ),
    dotted_ordinals=f"(?:{_WITH_N}|" + "|".join(word.capitalize() for word in _WITH_N.split("|")) + ")",
    romans=(
        Roman(rf"\b(?:{_KINGS})s ", r"(?:\.(?=\s*\S))?(?=[\s,;:!?)]|\.?$)", "o.n", template="des {}"),
        Roman(rf"\b(?:{_KINGS}) ", r"(?:\.(?=\s*\S))?(?=[\s,;:!?)]|\.?$)", "o.e", template="der {}"),
        Roman(rf"\b(?:{_PARTS}) "),
    ),
    extra=(
        (r"(?<!\w)#(?=\d)", "Nummer "),
        (rf"(?<![\w.,])(?P<n>\d{{1,3}})-?(?P<word>(?:{_SUFFIXES})\w*)", "{n:m}{word}"),
        *((rf"\b{day[:2]}\.(?=,)", day) for day in _DAYS),
        (r"(?<![\w.,:])(?P<a>\d{1,2}) ?[-–] ?(?P<b>\d{1,2}) Uhr\b", "{a} bis {b:n} Uhr"),
        (r"(?<![\w.,])(?P<n>\d{1,2}) Uhr (?P<m>\d{1,2})(?!\w|[.,]\d)", "{n:n} Uhr {m}"),
        (r"(?<![\w.,:])(?P<n>\d{1,2}) Uhr\b", "{n:n} Uhr"),
        (r"(?<![\w.,])(?P<n>(?:1[1-9])?[2-9]0)er(?= |-|[A-Z])", "{n:y}er"),
        (r"(?<!\w)§§ ?(?=\d)", "Paragraphen "),
        (r"(?<=\d) ?[x×] ?(?=\d)", " mal "),
        (r"(?<![\w.,])(?P<n>\d{1,4})x(?!\w)", "{n}mal"),
        (r"(?<![\w.,])(?P<n>\d{1,4})-(?=[^\W\d_])", "{n:m}-"),
    ),
    abbreviations=table(
        "z. B.=zum Beispiel; d. h.=das heißt; u. a.=unter anderem; i. d. R.=in der Regel; v. a.=vor allem; "
        "z. T.=zum Teil; u. U.=unter Umständen; o. ä.=oder Ähnliches; Dr.=Doktor; Prof.=Professor; Hr.=Herr; "
        "Hrn.=Herrn; Fr.=Frau; Dipl.-Ing.=Diplomingenieur; St.=Sankt; Nr.=Nummer; ca.=circa; bzw.=beziehungsweise; "
        "evtl.=eventuell; ggf.=gegebenenfalls; inkl.=inklusive; exkl.=exklusive; vgl.=vergleiche; Tel.=Telefon; "
        "Abb.=Abbildung; geb.=geboren; gest.=gestorben; sog.=sogenannt; n. Chr.=nach Christus; v. Chr.=vor Christus; "
        "a. D.=außer Dienst; bspw.=beispielsweise; zzgl.=zuzüglich; Mio.=Millionen; Mrd.=Milliarden; Std.=Stunden; "
        "Min.=Minuten; Jh.=Jahrhundert"
    ),
    closing=table("usw.=und so weiter; etc.=et cetera; u. v. m.=und vieles mehr; Str.=Straße; Co.=Co"),
    before_number=table(
        "S.=Seite; Hauptstr.=Hauptstraße; Nrn.=Nummern; Ziff.=Ziffer; Art.=Artikel; Abs.=Absatz; Bd.=Band; "
        "Kap.=Kapitel; max.=maximal; min.=mindestens"
    ),
    symbols=table(
        "&=und; +=plus; ==gleich; %=Prozent; @=ät; #=Raute; §=Paragraph; ±=plus minus; ×=mal; ÷=geteilt durch; "
        "<=kleiner als; >=größer als; °=Grad; →=nach; №=Nummer; ^=hoch; ²=hoch zwei; ³=hoch drei; €=Euro; $=Dollar; "
        "£=Pfund; −=minus; ©="
    ),
    at="ät",
    dot="Punkt",
    slash="Schrägstrich",
    hyphen="Minus",
    domains=table("de=de e; at=a te; ch=ce ha; eu=e u; org=org"),
    underscore="Unterstrich",
)

REGIONS: dict[str, Rules] = {}
