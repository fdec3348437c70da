"""Dutch."""

from voiceloom_model.text.normalise.rules import Fractions, Roman, Rules, table

_KINGS = (
    "Lodewijk|Willem|Karel|Filips|Hendrik|Frederik|Napoleon|Johannes|Paulus|Pius|Benedictus|Leo|Elizabeth|Catharina|"
    "George|Eduard|Richard|Nicolaas|Alexander|Peter|Leopold|Albert|Otto|Ferdinand|Gregorius|Boudewijn|Jacobus"
)
_PARTS = "[Hh]oofdstuk|[Dd]eel|[Bb]oek|[Aa]kte|[Ss]cène|Wereldoorlog|[Aa]rtikel|[Ff]ase|[Tt]ype"

RULES = Rules(
    language="nl",
    forms={"": "spellout-numbering", "y": "spellout-numbering-year", "o": "spellout-ordinal"},
    point="komma",
    minus="min",
    fraction_as_number=True,
    to="tot",
    years=range(1100, 2000),
    year_context=(
        r"\b(?:[Jj]aar|[Ss]inds|[Vv]an|[Tt]ot|[Nn]a|[Vv]oor|[Ii]n|[Vv]anaf|[Rr]ond|[Ee]ind|[Bb]egin|[Mm]idden|anno|"
        r"zomer|winter|herfst|lente|voorjaar|en|tien|elf|twaalf)|[(]|^"
    ),
    no_year=r" [^\W_]|[-€$£%°]",
    percent=":procent",
    units=table(
        "blz.=:bladzijde|bladzijden; "
        "km=:kilometer; m=:meter; cm=:centimeter; mm=:millimeter; kg=:kilogram; g=:gram; mg=:milligram; t=:ton; "
        "l, L=:liter; ml=:milliliter; cl=:centiliter; m²=:vierkante meter; km²=:vierkante kilometer; "
        "m³=:kubieke meter; cm³=:kubieke centimeter; ha=:hectare; km/u, km/h=:kilometer per uur; "
        "m/s=:meter per seconde; °C, ° C, ℃=:graad Celsius|graden Celsius; °=:graad|graden; u, h=:uur; "
        "min, min.=:minuut|minuten; s, sec.=:seconde|seconden; ms=:milliseconde|milliseconden; Hz=:hertz; "
        "kHz=:kilohertz; MHz=:megahertz; GHz=:gigahertz; kB=:kilobyte; MB=:megabyte; GB=:gigabyte; TB=:terabyte; "
        "V=:volt; W=:watt; kW=:kilowatt; MW=:megawatt; kWh=:kilowattuur; dB=:decibel; pk=:paardenkracht; "
        "mln.=:miljoen; mld.=:miljard; ‰=:promille"
    ),
    money=table("€, EUR=:euro/:cent; $, US$, USD=:dollar/:cent; £=:pond/:pence; ¥=:yen; CHF=:Zwitserse frank"),
    money_template="{whole} {noun} {part}",
    big=table("miljoen, mln., mln=:miljoen; miljard, mld., mld=:miljard; duizend=:duizend"),
    months=tuple(
        [
            "januari",
            "februari",
            "maart",
            "april",
            "mei",
            "juni",
            "juli",
            "augustus",
            "september",
            "oktober",
            "november",
            "december",
        ]
    ),
    month_names=(
        "januari jan.,februari feb.,maart mrt.,april apr.,mei,juni jun.,juli jul.,augustus aug.,september sept. sep.,"
        "oktober okt.,november nov.,december dec."
    ),
    written_dates=((r"{d} {m}(?: {y})?", "{day} {month}[ {year:y}]"),),
    numeric_dates=(
        r"(?<![\w-]){d}-{m}-{y}(?![\w-])",
        r"(?<![\w/]){d}/{m}/{y}(?![\w/])",
        r"(?<![\w.]){d}\.{m}\.{y}(?!\w)",
    ),
    date="{day} {month} {year:y}",
    clock="{hour} uur {minute}",
    clock_full="{hour} uur",
    clock_marks=r"[:.](?=[0-5]\d ?(?:uur|u\b))|:",
    clock_after=r" ?(?:uur|u)(?!\w)",
    clock_second=":en seconde|en seconden",
    phone=r"0\d{1,3}-\d{6,8}",
    fractions=Fractions(
        "2:een_half 3:een_derde 4:een_kwart 5:een_vijfde 6:een_zesde "
        "7:een_zevende 8:een_achtste 9:een_negende 10:een_tiende",
        "2:halve 3:derde 4:vierde 5:vijfde 6:zesde 7:zevende 8:achtste 9:negende 10:tiende",
        "en",
        "{n} gedeeld door {d}",
        half="{whole} en een half",
    ),
    ordinals=((r"(?:e|de|ste)", "o"),),
    romans=(
        Roman(rf"\b(?:{_KINGS}) ", "", "o", template="de {}"),
        Roman(rf"\b(?:{_PARTS}) "),
        Roman("", "e(?= eeuw)", "o"),
    ),
    extra=(
        (r"(?<!\w)#(?=\d)", "nummer "),
        (r"(?<![\w.,:])(?P<n>\d{1,2}) uur (?P<m>\d{1,2})(?!\w|[.,]\d)", "{n} uur {m}"),
        (r"(?<!\w)'?(?P<n>[2-9]0)'?er(?= jaren|-jaren)", "{n}er"),
        (r"(?<=\d) ?[x×] ?(?=\d)", " bij "),
        (r"(?<![\w.,])(?P<n>\d{1,3})x(?!\w)", "{n} keer"),
    ),
    abbreviations=table(
        "Dr.=Dokter; dr.=dokter; Prof.=Professor; prof.=professor; Dhr.=De heer; dhr.=de heer; Mevr., Mw.=Mevrouw; "
        "mevr., mw.=mevrouw; Ir.=Ingenieur; ir.=ingenieur; bijv., bv.=bijvoorbeeld; Bijv.=Bijvoorbeeld; "
        "d.w.z.=dat wil zeggen; o.a.=onder andere; i.v.m.=in verband met; m.b.t.=met betrekking tot; "
        "t.o.v.=ten opzichte van; a.u.b., s.v.p.=alstublieft; nl.=namelijk; ca.=circa; incl.=inclusief; "
        "excl.=exclusief; tel.=telefoon; Tel.=Telefoon; v.Chr.=voor Christus; n.Chr.=na Christus; "
        "i.p.v.=in plaats van; m.i.v.=met ingang van; t/m=tot en met; resp.=respectievelijk; vs.=versus; "
        "afb.=afbeelding; hfst.=hoofdstuk; evt.=eventueel; mln.=miljoen; mld.=miljard; o.l.v.=onder leiding van; "
        "e.a.=en anderen; St.=Sint; z.s.m.=zo snel mogelijk"
    ),
    closing=table("enz.=enzovoort; etc.=et cetera; e.d.=en dergelijke; Zn.=Zoon; jr.=junior; sr.=senior"),
    before_number=table(
        "nr.=nummer; Nr.=Nummer; blz.=bladzijde; p., pag.=pagina; max.=maximaal; min.=minimaal; art.=artikel"
    ),
    symbols=table(
        "&=en; +=plus; ==is; %=procent; @=apenstaartje; #=hekje; §=paragraaf; −=min; ±=plus minus; ×=keer; "
        "÷=gedeeld door; <=kleiner dan; >=groter dan; °=graden; ^=tot de macht; ²=kwadraat; ³=tot de derde; €=euro; "
        "$=dollar; £=pond; №=nummer; ©="
    ),
    at="apenstaartje",
    dot="punt",
    slash="slash",
    hyphen="streepje",
    underscore="laag streepje",
    domains=table("nl=N L; be=B E; eu=E U"),
)

REGIONS: dict[str, Rules] = {}
