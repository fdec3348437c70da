"""Italian."""

from voiceloom_model.text.normalise.rules import Fractions, Roman, Rules, table

_QUEENS = "Elisabetta|Caterina|Maria|Isabella|Giovanna|Margherita|Cristina|Vittoria"
_KINGS = (
    "Luigi|Enrico|Carlo|Filippo|Francesco|Napoleone|Giovanni|Paolo|Pio|Benedetto|Leone|Gregorio|Clemente|Innocenzo|"
    "Urbano|Giorgio|Edoardo|Guglielmo|Riccardo|Giacomo|Nicola|Alessandro|Pietro|Federico|Ramses|Leopoldo|Alberto|"
    "Umberto|Emanuele|Amedeo|Ferdinando|Ottone|Bonifacio|Sisto|Giulio|Cosimo|Lorenzo"
)
_PARTS = "[Cc]apitolo|[Tt]omo|[Vv]olume|[Pp]arte|[Ll]ibro|[Tt]itolo|[Ff]ase|[Tt]ipo|[Cc]anto"
_ORDINAL_PARTS = "[Aa]tto|[Ss]cena|Guerra Mondiale|[Gg]uerra mondiale"

RULES = Rules(
    language="it",
    forms={
        **{"": "spellout-numbering", "m": "spellout-cardinal-masculine", "f": "spellout-cardinal-feminine"},
        **{"mo": "spellout-numbering", "om": "spellout-ordinal-masculine", "of": "spellout-ordinal-feminine"},
    },
    polish=(("om|of|", "ú", "u"),),
    point="virgola",
    minus="meno",
    fraction_as_number=True,
    to="a",
    agreement=(
        (r"1", r" (?:[^\W\d_]+(?:a|zione|sione|tà|gione|tudine)|volta|notte|parte|mano)\b", "f"),
        (r"1", r" (?:s[^aeiou\W]|z|gn|ps|x|y)[^\W\d_]+[oe]\b", "mo"),
        (r"1", r" (?!(?:di|e|a|o|è|in|con|per|su|che|il|la|si|da|del|della|nel)\b)[^\W\d_]{3,}", "m"),
        (r".*[2-9]1", r" (?!(?:di|e|a|o|è|in|con|per|su|che|il|la|si|da|del|della|nel)\b)[^\W\d_]{3,}", "m"),
    ),
    percent=":per cento",
    units=table(
        "m/s²=m:metro al secondo quadrato|metri al secondo quadrato; "
        "pagg., pag.=f:pagina|pagine; "
        "km=m:chilometro|chilometri; m=m:metro|metri; cm=m:centimetro|centimetri; mm=m:millimetro|millimetri; "
        "µm, μm=m:micrometro|micrometri; kg=m:chilogrammo|chilogrammi; g=m:grammo|grammi; "
        "mg=m:milligrammo|milligrammi; t=f:tonnellata|tonnellate; l, L=m:litro|litri; ml=m:millilitro|millilitri; "
        "cl=m:centilitro|centilitri; m², mq=m:metro quadrato|metri quadrati; ha=m:ettaro|ettari; "
        "km²=m:chilometro quadrato|chilometri quadrati; cm²=m:centimetro quadrato|centimetri quadrati; "
        "m³=m:metro cubo|metri cubi; cm³=m:centimetro cubo|centimetri cubi; "
        "km/h=m:chilometro all'ora|chilometri all'ora; m/s=m:metro al secondo|metri al secondo; °=m:grado|gradi; "
        "°C, ° C, ℃=m:grado Celsius|gradi Celsius; h=f:ora|ore; min=m:minuto|minuti; s=m:secondo|secondi; "
        "ms=m:millisecondo|millisecondi; Hz=m:hertz; kHz=m:chilohertz; MHz=m:megahertz; GHz=m:gigahertz; "
        "kB=m:kilobyte; MB=m:megabyte; GB=m:gigabyte; TB=m:terabyte; V=m:volt; W=m:watt; kW=m:chilowatt; "
        "MW=m:megawatt; kWh=m:chilowattora; dB=m:decibel; kcal=f:chilocaloria|chilocalorie; ‰=:per mille"
    ),
    money=table(
        "€, EUR=m:euro/m:centesimo|centesimi; $, US$, USD=m:dollaro|dollari/m:centesimo|centesimi; "
        "£=f:sterlina|sterline/m:penny|pence; ¥=mo:yen; CHF=m:franco svizzero|franchi svizzeri; L.=f:lira|lire"
    ),
    money_template="{whole} {noun} e {part}",
    big=table("milione, milioni, mln=m:milione|milioni; miliardo, miliardi, mld=m:miliardo|miliardi; mila=:mila"),
    of=" di ",
    months=tuple(
        [
            "gennaio",
            "febbraio",
            "marzo",
            "aprile",
            "maggio",
            "giugno",
            "luglio",
            "agosto",
            "settembre",
            "ottobre",
            "novembre",
            "dicembre",
        ]
    ),
    month_names=(
        "gennaio gen.,febbraio feb.,marzo mar.,aprile apr.,maggio mag.,giugno giu.,luglio lug.,agosto ago.,"
        "settembre set. sett.,ottobre ott.,novembre nov.,dicembre dic."
    ),
    written_dates=(
        (r"1(?P<d>)[°º]? {m}(?: {y})?", "primo {month}[ {year}]"),
        (r"{d} {m}(?: {y})?", "{day} {month}[ {year}]"),
    ),
    numeric_dates=(r"(?<![\w/]){d}/{m}/{y}(?![\w/])", r"(?<![\w.-]){d}([.-]){m}[.-]{y}(?![\w-])"),
    first_day="primo",
    date="{day} {month} {year}",
    clock="{hour} e {minute}",
    clock_full="{hour}",
    clock_second="m:e secondo|e secondi",
    phone=r"3\d{2} \d{3} ?\d{4}|3\d{9}",
    fractions=Fractions(
        "2:un_mezzo 3:un_terzo 4:un_quarto 5:un_quinto 6:un_sesto 7:un_settimo 8:un_ottavo 9:un_nono 10:un_decimo",
        "2:mezzi 3:terzi 4:quarti 5:quinti 6:sesti 7:settimi 8:ottavi 9:noni 10:decimi",
        "e",
        "{n} fratto {d}",
        half="{whole} e mezzo",
    ),
    ordinals=(
        (r"(?:º(?! ?[CF]\b)|°(?= (?![CF]\b)[^\W\d_]{2}))", "om"),
        (r"ª", "of"),
        (r"(?:mo|esimo)", "om"),
        (r"(?:ma|esima)", "of"),
    ),
    romans=(
        Roman(r"\b(?:[Ss]ecolo|[Ss]ec\.) ", "", "om"),
        Roman("", r"(?= e (?:il )?[IVX]+ secolo)", "om"),
        Roman("", r"(?= (?:secolo|sec\.|municipio|capitolo|volume|canto|Reich))", "om"),
        Roman("", r"(?= (?:[Gg]uerra|[Ee]dizione|[Rr]epubblica|[Ll]egislatura|[Dd]inastia))", "of"),
        Roman(rf"\b(?:{_QUEENS}) ", "", "of"),
        Roman(rf"\b(?:{_KINGS}) ", "", "om"),
        Roman(rf"\b(?:{_ORDINAL_PARTS}) ", "", "om"),
        Roman(rf"\b(?:{_PARTS}) "),
    ),
    extra=(
        (r"(?<!\w)#(?=\d)", "numero "),
        (r"\b(?P<p>[Aa]lle|[Dd]alle|[Ll]e|[Oo]re) (?P<h>\d{1,2})\.(?P<m>[0-5]\d)(?!\d|[.,]\d)", "{p} {h} e {m}"),
        (r"(?<![\w.,/])1 (?=[aeiouàèAEIOU][^\W\d_]*a\b)", "un'"),
        (r"(?<!\w)(?:[nN]\.?[°º]|nr?\.) ?(?=\d)", "numero "),
        (r"(?<=\d) ?[x×] ?(?=\d)", " per "),
    ),
    abbreviations=table(
        "sig.=signor; Sig.=Signor; sig.ra=signora; Sig.ra=Signora; sig.na=signorina; dott.=dottor; Dott., Dr.=Dottor; "
        "dott.ssa=dottoressa; Dott.ssa=Dottoressa; prof.=professor; Prof.=Professor; prof.ssa=professoressa; "
        "Prof.ssa=Professoressa; avv.=avvocato; Avv.=Avvocato; ing.=ingegner; Ing.=Ingegner; on.=onorevole; "
        "On.=Onorevole; pag.=pagina; pagg.=pagine; Pag.=Pagina; es.=esempio; p. es.=per esempio; a. C.=avanti Cristo; "
        "d. C.=dopo Cristo; cap.=capitolo; vol.=volume; fig.=figura; art.=articolo; tel.=telefono; Tel.=Telefono; "
        "ca.=circa; v.le=viale; p.zza=piazza; P.zza=Piazza; S.p.A.=società per azioni; cfr.=confronta; sec.=secolo; "
        "geom.=geometra; rag.=ragionier; vs=contro"
    ),
    closing=table("ecc., etc.=eccetera"),
    before_number=table("p.=pagina; pp.=pagine; max.=massimo; min.=minimo"),
    before_name=table("S.=San"),
    symbols=table(
        "&=e; +=più; ==uguale; %=per cento; @=chiocciola; #=cancelletto; §=paragrafo; ±=più o meno; ×=per; ÷=diviso; "
        "<=minore di; >=maggiore di; °=gradi; №=numero; ^=alla; ²=al quadrato; ³=al cubo; €=euro; $=dollari; "
        "£=sterline; −=meno; ©="
    ),
    at="chiocciola",
    dot="punto",
    slash="barra",
    hyphen="trattino",
    underscore="trattino basso",
)

REGIONS: dict[str, Rules] = {}
