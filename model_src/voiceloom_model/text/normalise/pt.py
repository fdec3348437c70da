"""Portuguese, Brazilian by default; `pt-PT` counts as in Portugal."""

from dataclasses import replace

from voiceloom_model.text.normalise.rules import Fractions, Roman, Rules, below_two, table

_QUEENS = "Isabel|Maria|Catarina|Cristina|Leonor|Margarida|Elizabeth"
_KINGS = (
    "Pedro|João|Afonso|Carlos|Fernando|Filipe|Luís|Henrique|Manuel|Sebastião|Paulo|Pio|Bento|Leão|Gregório|Clemente|"
    "Inocêncio|Napoleão|Jorge|Eduardo|Guilherme|Ricardo|Francisco|Nicolau|Alexandre|Ramsés|Leopoldo|Alberto|Sancho"
)
_PARTS = (
    "[Cc]apítulos?|[Tt]omos?|[Vv]olume|[Pp]arte|[Aa]to|[Cc]ena|[Ll]ivro|[Tt]ítulo|[Aa]rtigo|[Aa]nexo|[Ff]ase|[Tt]ipo"
)

RULES = Rules(
    language="pt",
    forms={
        **{"": "spellout-numbering", "m": "spellout-cardinal-masculine", "f": "spellout-cardinal-feminine"},
        **{"om": "spellout-ordinal-masculine", "of": "spellout-ordinal-feminine"},
    },
    point="vírgula",
    minus="menos",
    fraction_as_number=True,
    to="a",
    agreement=(
        (r".*", r" (?:de|do|da|e|o|a|os|as|em|com|por|para|que|é|são|se|não|mais|menos|foi|era|na|no)\b", ""),
        (
            r".*",
            r" (?:dias?|mapas?|planetas?|problemas?|temas?|programas?|sistemas?|idiomas?|milhões|milhão|mil)\b",
            "m",
        ),
        (r".*", r" (?:vezes|vez|mulheres|cidades|flores|noites|tardes|partes|canções|nações)\b", "f"),
        (r".*", r" [a-zà-ÿ]+(?:as?|ãs?|ções|ção|dades|dade|sões|são)\b", "f"),
        (r".*", r" [a-zà-ÿ]{3,}", "m"),
    ),
    plural=below_two,
    percent=":por cento",
    units=table(
        "m/s²=m:metro por segundo ao quadrado|metros por segundo ao quadrado; "
        "págs., pág.=f:página|páginas; "
        "km=m:quilômetro|quilômetros; m=m:metro|metros; cm=m:centímetro|centímetros; mm=m:milímetro|milímetros; "
        "kg=m:quilograma|quilogramas; g=m:grama|gramas; mg=m:miligrama|miligramas; t=f:tonelada|toneladas; "
        "l, L=m:litro|litros; ml=m:mililitro|mililitros; m²=m:metro quadrado|metros quadrados; "
        "km²=m:quilômetro quadrado|quilômetros quadrados; m³=m:metro cúbico|metros cúbicos; "
        "cm³=m:centímetro cúbico|centímetros cúbicos; ha=m:hectare|hectares; "
        "km/h=m:quilômetro por hora|quilômetros por hora; m/s=m:metro por segundo|metros por segundo; "
        "°C, ºC, ° C, ℃=m:grau Celsius|graus Celsius; °=m:grau|graus; h=f:hora|horas; min=m:minuto|minutos; "
        "s=m:segundo|segundos; ms=m:milissegundo|milissegundos; Hz=m:hertz; kHz=m:quilohertz; MHz=m:megahertz; "
        "GHz=m:gigahertz; kB=m:quilobyte|quilobytes; MB=m:megabyte|megabytes; GB=m:gigabyte|gigabytes; "
        "TB=m:terabyte|terabytes; V=m:volt|volts; W=m:watt|watts; kW=m:quilowatt|quilowatts; MW=m:megawatt|megawatts; "
        "kWh=m:quilowatt-hora|quilowatts-hora; dB=m:decibel|decibéis; ‰=:por mil"
    ),
    money=table(
        "R$, BRL=m:real|reais/m:centavo|centavos; €, EUR=m:euro|euros/m:cêntimo|cêntimos; "
        "$, US$, USD=m:dólar|dólares/m:centavo|centavos; £=f:libra|libras/m:pêni|pence; ¥=m:iene|ienes; "
        "CHF=m:franco suíço|francos suíços"
    ),
    money_template="{whole} {noun} e {part} {cents}",
    big=table("milhão, milhões, mi=m:milhão|milhões; bilhão, bilhões, bi=m:bilhão|bilhões; mil=:mil"),
    of=" de ",
    months=tuple(
        [
            "janeiro",
            "fevereiro",
            "março",
            "abril",
            "maio",
            "junho",
            "julho",
            "agosto",
            "setembro",
            "outubro",
            "novembro",
            "dezembro",
        ]
    ),
    month_names=(
        "janeiro jan.,fevereiro fev.,março mar.,abril abr.,maio,junho jun.,julho jul.,agosto ago.,setembro set.,"
        "outubro out.,novembro nov.,dezembro dez."
    ),
    written_dates=(
        (r"1(?P<d>)[ºo°] de {m}(?:(?: de|,) {y})?", "primeiro de {month}[ de {year}]"),
        (r"{d}(?: de)? {m}(?:(?: de|,)? {y})?", "{day} de {month}[ de {year}]"),
    ),
    numeric_dates=(r"(?<![\w/]){d}/{m}/{y}(?![\w/])", r"(?<![\w.-]){d}([.-]){m}[.-]{y}(?![\w-])"),
    first_day="primeiro",
    date="{day} de {month} de {year}",
    clock="{hour:f} {h} e {minute}",
    clock_full="{hour:f} {h}",
    clock_marks=" ?h ?|:",
    clock_after=r" ?(?:h|horas|min)(?!\w)",
    clock_second="m:e segundo|e segundos",
    phone=r"\(?\d\d\)? ?9?\d{4}-\d{4}|9\d\d \d{3} \d{3}",
    fractions=Fractions(
        "2:um_meio 3:um_terço 4:um_quarto 5:um_quinto 6:um_sexto 7:um_sétimo 8:um_oitavo 9:um_nono 10:um_décimo",
        "2:meios 3:terços 4:quartos 5:quintos 6:sextos 7:sétimos 8:oitavos 9:nonos 10:décimos",
        "e",
        "{n} sobre {d}",
        form="m",
        half="{whole} e meio",
    ),
    ordinals=(
        (r"\.?(?:º(?! ?[CF]\b)|°(?= (?![CF]\b)[^\W\d_]{2}))", "om"),
        (r"\.?(?:ª|a(?=\s))", "of"),
        (r"o(?=\s)", "om"),
    ),
    romans=(
        Roman(r"\b[Ss]éculos? "),
        Roman(r"\b[Ss]éculos [IVX]+ (?:e|a|ao) "),
        Roman(rf"\b(?:{_QUEENS}) ", "", "of", 10),
        Roman(rf"\b(?:{_KINGS}) ", "", "om", 10),
        Roman(r"\bGuerra Mundial ", ""),
        Roman("", r"(?= Guerra)", "of"),
        Roman(rf"\b(?:{_PARTS}) "),
    ),
    extra=(
        (r"(?<!\w)#(?=\d)", "número "),
        (r"(?<!\w)[nN]\.?[º°o]\.? ?(?=\d)", "número "),
        (r"(?<![\w.,])(?P<h>[01]?\d|2[0-4]) ?h(?![\w/]| ?\d)", "{h:f} horas"),
        (r"(?<=\d) ?[x×] ?(?=\d)", " por "),
    ),
    abbreviations=table(
        "Sr.=senhor; Sra.=senhora; Srta.=senhorita; Dr.=doutor; Dra.=doutora; Prof.=professor; Profa.=professora; "
        "Eng.=engenheiro; p. ex.=por exemplo; Av.=avenida; pág.=página; Pág.=Página; págs.=páginas; núm.=número; "
        "tel.=telefone; Tel.=Telefone; cap.=capítulo; vol.=volume; aprox.=aproximadamente; a. C.=antes de Cristo; "
        "d. C.=depois de Cristo; art.=artigo; fig.=figura; máx.=máximo; mín.=mínimo; Cia.=companhia; "
        "V. Exa., V. Ex.ª=vossa excelência; Exmo.=excelentíssimo; vs.=contra; séc.=século; EUA=Estados Unidos; "
        "Ltda.=limitada"
    ),
    closing=table("etc.=et cetera"),
    before_number=table("p.=página; pp.=páginas; n.=número"),
    before_name=table("S.=São; Sto.=Santo; Sta.=Santa; D.=dom"),
    symbols=table(
        "&=e; +=mais; ==igual a; %=por cento; @=arroba; #=cerquilha; §=parágrafo; ±=mais ou menos; ×=vezes; "
        "÷=dividido por; <=menor que; >=maior que; °=graus; ^=elevado a; ²=ao quadrado; ³=ao cubo; €=euros; "
        "$=dólares; £=libras; −=menos; №=número; ©="
    ),
    at="arroba",
    dot="ponto",
    slash="barra",
    hyphen="hífen",
    underscore="sublinhado",
    domains=table("br=B R; pt=P T"),
)
REGIONS = {"pt-pt": replace(RULES, language="pt_PT", groups=r"[. ]")}
