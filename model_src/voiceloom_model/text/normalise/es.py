"""Spanish."""

from dataclasses import replace

from voiceloom_model.text.normalise.rules import Fractions, Roman, Rules, table

_QUEENS = "Isabel|Juana|Catalina|María|Cristina|Ana|Victoria|Sofía|Margarita"
_KINGS = (
    "Felipe|Carlos|Fernando|Alfonso|Juan|Pablo|Luis|Enrique|Pedro|Jaime|Sancho|Pío|Benedicto|León|Gregorio|Clemente|"
    "Inocencio|Napoleón|Jorge|Eduardo|Guillermo|Ricardo|Francisco|Nicolás|Alejandro|Ramsés|Leopoldo|Alberto|Ramiro"
)
_PARTS = (
    "[Cc]apítulos?|[Tt]omos?|[Vv]olumen|[Pp]artes?|[Aa]cto|[Ee]scena|"
    "[Ll]ibro|[Tt]ítulo|[Aa]rtículo|[Aa]nexo|Mundial|[Ff]ase|[Tt]ipo"
)

RULES = Rules(
    language="es",
    forms={
        **{"": "spellout-numbering", "m": "spellout-cardinal-masculine", "f": "spellout-cardinal-feminine"},
        **{"om": "spellout-ordinal-masculine", "of": "spellout-ordinal-feminine"},
        "oma": "spellout-ordinal-masculine-adjective",
    },
    polish=(("f", r"ientos(?!.*mill)", "ientas"),),
    point="coma",
    minus="menos",
    fraction_as_number=True,
    to="a",
    agreement=(
        (r".*", r" (?:de|del|y|o|u|a|al|en|con|por|para|que|es|son|el|la|los|las|se|no|más|menos|fue|era)\b", ""),
        (
            r".*",
            r" (?:días?|mapas?|planetas?|problemas?|temas?|programas?|sistemas?|idiomas?|millones|millón|mil)\b",
            "m",
        ),
        (
            r".*",
            r" (?:veces|vez|mujeres|ciudades|naciones|canciones|habitaciones|flores|noches|tardes|clases|partes)\b",
            "f",
        ),
        (r".*", r" [a-zà-ÿ]+(?:as?|ciones|ción|dades|dad|siones|sión)\b", "f"),
        (r".*", r" [a-zà-ÿ]{3,}", "m"),
    ),
    percent=":por ciento",
    units=table(
        "m/s²=m:metro por segundo al cuadrado|metros por segundo al cuadrado; "
        "págs., pág.=f:página|páginas; "
        "km=m:kilómetro|kilómetros; m=m:metro|metros; cm=m:centímetro|centímetros; mm=m:milímetro|milímetros; "
        "µm, μm=m:micrómetro|micrómetros; kg=m:kilogramo|kilogramos; g=m:gramo|gramos; mg=m:miligramo|miligramos; "
        "t=f:tonelada|toneladas; l, L=m:litro|litros; ml=m:mililitro|mililitros; cl=m:centilitro|centilitros; "
        "m²=m:metro cuadrado|metros cuadrados; km²=m:kilómetro cuadrado|kilómetros cuadrados; "
        "m³=m:metro cúbico|metros cúbicos; cm³=m:centímetro cúbico|centímetros cúbicos; "
        "cm²=m:centímetro cuadrado|centímetros cuadrados; ha=f:hectárea|hectáreas; "
        "km/h=m:kilómetro por hora|kilómetros por hora; m/s=m:metro por segundo|metros por segundo; "
        "°C, ºC, ° C, ℃=m:grado Celsius|grados Celsius; °F=m:grado Fahrenheit|grados Fahrenheit; h=f:hora|horas; "
        "min=m:minuto|minutos; °=m:grado|grados; s=m:segundo|segundos; ms=m:milisegundo|milisegundos; "
        "Hz=m:hercio|hercios; kHz=m:kilohercio|kilohercios; MHz=m:megahercio|megahercios; "
        "GHz=m:gigahercio|gigahercios; kB=m:kilobyte|kilobytes; MB=m:megabyte|megabytes; GB=m:gigabyte|gigabytes; "
        "TB=m:terabyte|terabytes; V=m:voltio|voltios; W=m:vatio|vatios; kW=m:kilovatio|kilovatios; "
        "MW=m:megavatio|megavatios; kWh=m:kilovatio hora|kilovatios hora; dB=m:decibelio|decibelios; "
        "kcal=f:kilocaloría|kilocalorías; ‰=:por mil"
    ),
    money=table(
        "€, EUR=m:euro|euros/m:céntimo|céntimos; $, US$, USD=m:dólar|dólares/m:centavo|centavos; "
        "£=f:libra|libras/m:penique|peniques; ¥=m:yen|yenes; CHF=m:franco suizo|francos suizos; "
        "MXN, ARS=m:peso|pesos/m:centavo|centavos; ptas.=f:peseta|pesetas"
    ),
    money_template="{whole} {noun} con {part}",
    big=table(
        "millones, millón, mill., M=m:millón|millones; mil=:mil; mil millones=:mil millones; billones=m:billón|billones"
    ),
    of=" de ",
    months=tuple(
        [
            "enero",
            "febrero",
            "marzo",
            "abril",
            "mayo",
            "junio",
            "julio",
            "agosto",
            "septiembre",
            "octubre",
            "noviembre",
            "diciembre",
        ]
    ),
    month_names=(
        "enero ene.,febrero feb.,marzo mar.,abril abr.,mayo,junio jun.,julio jul.,agosto ago.,"
        "septiembre setiembre sept. sep.,octubre oct.,noviembre nov.,diciembre dic."
    ),
    written_dates=((r"{d}(?: de)? {m}(?:,? (?:de |del )?{y})?", "{day} de {month}[ de {year}]"),),
    numeric_dates=(r"(?<![\w/]){d}/{m}/{y}(?![\w/])", r"(?<![\w.-]){d}([.-]){m}[.-]{y}(?![\w-])"),
    date="{day} de {month} de {year}",
    clock="{hour:f} {minute}",
    clock_full="{hour:f} en punto",
    clock_oh="{hour:f} cero {minute}",
    clock_after=r" ?h(?:oras|rs|s)?\.?(?!\w)",
    clock_second="m:segundo|segundos",
    phone=r"[6789]\d{2} \d{3} \d{3}|[6789]\d{2} \d{2} \d{2} \d{2}|[6789]\d{8}",
    fractions=Fractions(
        "2:un_medio 3:un_tercio 4:un_cuarto 5:un_quinto 6:un_sexto 7:un_séptimo 8:un_octavo 9:un_noveno 10:un_décimo",
        "2:medios 3:tercios 4:cuartos 5:quintos 6:sextos 7:séptimos 8:octavos 9:novenos 10:décimos",
        "y",
        "{n} partido por {d}",
        form="m",
        half="{whole} y medio",
    ),
    ordinals=(
        (r"\.?(?:er|ᵉʳ)", "oma"),
        (r"\.?[º°](?=\s(?!de\b|[CF]\b|y\b|en\b)[^\W\d])", "oma"),
        (r"\.?º(?! ?[CF]\b)", "om"),
        (r"\.?°(?=\sde\b)", "om"),
        (r"\.?(?:ª|a(?=\s))", "of"),
        (r"(?:ro|do|to|mo|vo|no)", "om"),
        (r"(?:ra|da|ta|ma|va|na)", "of"),
    ),
    romans=(
        Roman("", r"(?= (?:República|Guerra|Internacional|Cumbre|[Ee]dición|[Dd]inastía))", "of"),
        Roman("", r"(?= (?:Congreso|Reich|Imperio|Juegos|Festival|Concurso|Concilio))", "om"),
        Roman(r"\b[Ss]iglos? "),
        Roman(r"\b[Ss]iglos? [^\W\d_ ]+ (?:y|al?|o) "),
        Roman(rf"\b(?:{_QUEENS}) ", "", "of", 10),
        Roman(rf"\b(?:{_KINGS}) ", "", "om", 10),
        Roman(rf"\b(?:{_PARTS}) "),
    ),
    extra=(
        (r"(?<!\w)#(?=\d)", "número "),
        (r"(?<!\w)[nN]\.?[º°o]\.? ?(?=\d)", "número "),
        (r"(?<!\w)N[º°] ?(?=\d)", "número "),
        (r"(?<![\w.,:])1:(?=[0-5]\d)", "una "),
        (r"(?<=\d) ?[x×] ?(?=\d)", " por "),
    ),
    abbreviations=table(
        "Sr.=señor; Sra.=señora; Srta.=señorita; Sres.=señores; Dr.=doctor; Dra.=doctora; D.ª, Dña.=doña; "
        "Ud., Vd.=usted; Uds., Vds.=ustedes; EE. UU.=Estados Unidos; p. ej., p. ej=por ejemplo; Prof.=profesor; "
        "Sto.=Santo; Sta.=Santa; Avda., Av.=avenida; c/, C/=calle; pág.=página; Pág.=Página; págs.=páginas; "
        "Págs.=Páginas; núm.=número; Núm.=Número; tel.=teléfono; Tel.=Teléfono; cap.=capítulo; vol.=volumen; "
        "aprox.=aproximadamente; a. C.=antes de Cristo; d. C.=después de Cristo; Gral.=general; Cía.=compañía; "
        "Lic.=licenciado; Ing.=ingeniero; art.=artículo; fig.=figura; máx.=máximo; mín.=mínimo; s/n=sin número; "
        "vs.=contra; JJ. OO.=Juegos Olímpicos; S. A.=sociedad anónima; S. M.=su majestad"
    ),
    closing=table("etc.=etcétera; dcha.=derecha; izda.=izquierda"),
    before_number=table("p.=página; pp.=páginas; n.=número"),
    before_name=table("S.=San; D.=don"),
    symbols=table(
        "&=y; +=más; ==igual a; %=por ciento; @=arroba; #=almohadilla; §=sección; ±=más menos; ×=por; "
        "÷=dividido entre; <=menor que; >=mayor que; °=grados; №=número; ^=elevado a; ²=al cuadrado; ³=al cubo; "
        "€=euros; $=dólares; £=libras; −=menos; ©="
    ),
    at="arroba",
    dot="punto",
    slash="barra",
    hyphen="guion",
    underscore="guion bajo",
)

#: Mexico, the United States and Central America write 1,234.56.
_POINT = replace(RULES, decimal=".", groups=r"[, ]", point="punto")
REGIONS = dict.fromkeys(("es-mx", "es-us", "es-gt", "es-hn", "es-ni", "es-sv", "es-pa", "es-do", "es-pr"), _POINT)
