"""English: American by default, "and" after hundreds in British; needs no package."""

from __future__ import annotations

from dataclasses import replace

from voiceloom_model.text.normalise.rules import Fractions, Roman, Rules, table

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ["", " thousand", " million", " billion", " trillion"]
_ORDINALS = {
    **{"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"},
    "twelve": "twelfth",
}
_DECADES = ("twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties")


def spell(number: int, form: str = "", joint: str = " ") -> str:
    """`number` in the form "" (cardinal), "o" (ordinal), "y" (year) or "s" (decade: the eighties)."""
    if form == "y":
        return _year(number, joint)
    if form == "s":
        head = _year(number, joint) if number >= 100 else _ONES[0]
        return (
            f"{head.rpartition(' ')[0]} {_DECADES[number % 100 // 10 - 2]}".strip()
            if number % 100 >= 20
            else head + "s"
        )
    words = _cardinal(number, joint)
    return _ordinal(words) if form == "o" else words


def _cardinal(number: int, joint: str) -> str:
    groups, scale = [], 0
    while number:
        number, group = divmod(number, 1000)
        if group:
            groups.append(_below_1000(group, joint) + _SCALES[scale])
        scale += 1
    words = " ".join(reversed(groups)) or _ONES[0]
    return words


def _below_1000(number: int, joint: str) -> str:
    hundreds, rest = divmod(number, 100)
    words = _ONES[rest] if rest < 20 else _TENS[rest // 10] + ("-" + _ONES[rest % 10] if rest % 10 else "")
    if not hundreds:
        return words
    return f"{_ONES[hundreds]} hundred" + (joint + words if rest else "")


def _ordinal(words: str) -> str:
    head, mark, last = words.rpartition("-") if "-" in words.rpartition(" ")[2] else words.rpartition(" ")
    last = _ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return head + mark + last


def _year(year: int, joint: str) -> str:
    century, rest = divmod(year, 100)
    if (century % 10 == 0 and rest < 10) or century < 11:
        return _cardinal(year, joint)
    if not rest:
        return f"{_cardinal(century, joint)} hundred"
    return f"{_cardinal(century, joint)} {'oh ' if rest < 10 else ''}{_below_1000(rest, joint)}"


_KINGS = (
    "Henry|Louis|Edward|George|William|Charles|James|Richard|Elizabeth|Napoleon|Pius|Benedict|Leo|Paul|Ramses|Francis|"
    "Frederick|Philip|Alexander|Nicholas|Peter|Catherine|Ivan|Umberto|Emmanuel|Gustav|Christian|Ferdinand|Otto|Felipe|"
    "Pope|King|Queen|Emperor|Tsar|Mary|Clement|Gregory|Innocent|Urban|Julius|Sixtus|Boniface|Harald|Haakon|Albert"
)
_PARTS = (
    "[Cc]hapters?|[Pp]arts?|[Aa]cts?|[Ss]cenes?|[Ss]ections?|[Vv]olumes?|[Vv]ol\\.|[Bb]ooks?|[Pp]hase|[Aa]rticle|Wars?|"
    "[Tt]ype|[Ll]evel|[Ss]tage|[Cc]lass|[Gg]rade|Bowl|Apollo|Episode|[Rr]ound|Title|Canto|[Ff]igure|[Tt]able|Appendix|Mark"
)
_ADDRESS = r"(?<=[a-z0-9,] )(?P<name>(?!Mount|Fort|Lake|Port|Saint|Mr|Mrs|Ms|Prof)[A-Z][a-z]+)"
_NO_PRONOUN = r"(?!I(?![\w,.;:)]|$| of ))"  # "the part I like" is no part one
_MONTH_DAY = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?(?![\d:%])"

RULES = Rules(
    language="en",
    decimal=".",
    groups=",",
    spell=spell,
    point="point",
    minus="minus",
    to="to",
    years=range(1100, 2100),
    year_context=r"",
    percent=":percent",
    units=table(
        "m/s²=:meter per second squared|meters per second squared; "
        "km=:kilometer|kilometers; m=:meter|meters; cm=:centimeter|centimeters; mm=:millimeter|millimeters; "
        "µm, μm=:micrometer|micrometers; nm=:nanometer|nanometers; kg=:kilogram|kilograms; g=:gram|grams; "
        "mg=:milligram|milligrams; μg, mcg=:microgram|micrograms; lb, lbs=:pound|pounds; oz=:ounce|ounces; "
        "ft=:foot|feet; mi=:mile|miles; yd=:yard|yards; l, L=:liter|liters; ml, mL=:milliliter|milliliters; "
        "cl=:centiliter|centiliters; m²=:square meter|square meters; km²=:square kilometer|square kilometers; "
        "cm²=:square centimeter|square centimeters; m³=:cubic meter|cubic meters; "
        "cm³, cc=:cubic centimeter|cubic centimeters; sq ft=:square foot|square feet; "
        "sq mi=:square mile|square miles; ha=:hectare|hectares; km/h, kph=:kilometer per hour|kilometers per hour; "
        "mph=:mile per hour|miles per hour; m/s=:meter per second|meters per second; "
        "°C, ° C, ℃=:degree Celsius|degrees Celsius; °F=:degree Fahrenheit|degrees Fahrenheit; °=:degree|degrees; "
        "h, hr, hrs=:hour|hours; min, mins=:minute|minutes; s, sec=:second|seconds; ms=:millisecond|milliseconds; "
        "Hz=:hertz; kHz=:kilohertz; MHz=:megahertz; GHz=:gigahertz; dB=:decibel|decibels; kB, KB=:kilobyte|kilobytes; "
        "MB=:megabyte|megabytes; GB=:gigabyte|gigabytes; TB=:terabyte|terabytes; "
        "Mbps=:megabit per second|megabits per second; Gbps=:gigabit per second|gigabits per second; "
        "fps=:frame per second|frames per second; V=:volt|volts; kV=:kilovolt|kilovolts; W=:watt|watts; "
        "kW=:kilowatt|kilowatts; MW=:megawatt|megawatts; GW=:gigawatt|gigawatts; kWh=:kilowatt hour|kilowatt hours; "
        "mAh=:milliamp hour|milliamp hours; kcal=:kilocalorie|kilocalories; ‰=:per mille; pct=:percent; ¢=:cent|cents"
    ),
    money=table(
        "$, US$, USD=:dollar|dollars/:cent|cents; €, EUR=:euro|euros/:cent|cents; £, GBP=:pound|pounds/:penny|pence; "
        "¥, JPY=:yen; ₹, Rs, Rs.=:rupee|rupees; ₩=:won; ₽=:ruble|rubles; CHF=:Swiss franc|Swiss francs; "
        "A$=:Australian dollar|Australian dollars; C$=:Canadian dollar|Canadian dollars; ₿=:bitcoin|bitcoins"
    ),
    money_template="{whole} {noun} and {part} {cents}",
    big=table(
        "hundred=:hundred; thousand, k, K=:thousand; million, m, M, mn, mln=:million; billion, b, B, bn=:billion; "
        "trillion, tn, T=:trillion"
    ),
    months=tuple(
        [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ]
    ),
    month_names=(
        "January Jan,February Feb,March Mar,April Apr,May,June Jun,July Jul,August Aug,September Sept Sep,"
        "October Oct,November Nov,December Dec"
    ),
    written_dates=(
        (rf"{{m}}\.? {_MONTH_DAY}(?:(?:,| of)? {{y}})?", "{month} {day:o}[ {year:y}]"),
        (r"(?:[Tt]he )?{d}(?:st|nd|rd|th)?(?: of)? {m}\b\.?(?:,? {y})?", "the {day:o} of {month}[ {year:y}]"),
    ),
    numeric_dates=(
        r"(?<![\w/]){m}/{d}/{y}(?![\w/])",
        r"(?<![\w/]){d}/{m}/{y}(?![\w/])",
        r"(?<![\w.]){d}\.{m}\.(?P<y>\d{4})(?!\w)",
    ),
    date="{month} {day:o} {year:y}",
    clock_full="{hour} o'clock",
    clock_oh="{hour} oh {minute}",
    clock_second=":second|seconds",
    phone=r"(?:1-)?(?:\(\d{3}\) ?|\d{3}[-.])?\d{3}[-.]\d{4}",
    fractions=Fractions(
        "2:one_half 3:one_third 4:one_quarter 5:one_fifth 6:one_sixth 7:one_seventh 8:one_eighth "
        "9:one_ninth 10:one_tenth",
        "2:halves 3:thirds 4:quarters 5:fifths 6:sixths 7:sevenths 8:eighths 9:ninths 10:tenths",
        "and",
        "{n} over {d}",
        half="{whole} and a half",
    ),
    ordinals=((r"(?:st|nd|rd|th|ST|ND|RD|TH)", "o"),),
    romans=(
        Roman(rf"\b(?:{_KINGS}) {_NO_PRONOUN}", r"(?![.']\w)", "o", template="the {}"),
        Roman(rf"\b(?:{_PARTS}) {_NO_PRONOUN}", r"(?![.']\w)"),
    ),
    extra=(
        (rf"{_ADDRESS} St\.(?=\s[A-Z]|\s*$)", "{name} Street."),
        (rf"{_ADDRESS} Dr\.(?=\s[A-Z]|\s*$)", "{name} Drive."),
        (r"(?<![\w.])\.(?=\d)", "0."),
        (r"(?<=\d)\^(?=\d)", " to the power of "),
        (r"(?<!\w)(?P<f>\d)'\s?(?P<i>\d{1,2})\"", "{f} foot {i}"),
        (r"(?<![\w/])9/11(?![\w/])", "nine eleven"),
        (r"(?<![\w/])50/50(?![\w/])", "fifty fifty"),
        (r"(?<![\d:])(?P<h>\d{1,2}):00(?=\s?[ap]\.?m\b)", "{h}"),
        (r"(?<![\d:])(?P<h>\d{1,2}):00(?=\s?[AP]\.?M\b)", "{h}"),
        (r"(?<=\d[ap]m)\s?[-–]\s?(?=\d)", " to "),
        (r"(?<![\d.,])(?P<h>\d{1,2})\.(?P<m>[0-5]\d)(?=\s?[ap]\.?m\b)", "{h} {m}"),
        (r"(?<=-)(?P<n>\d+)s(?!\w)", "{n}s"),
        (r"(?<!\w)A(?=\d)", "A-"),  # the letter; alone it would be the article
        (r"(?<=\d)A(?!\w)", "-A"),
        (r"(?<=\d)\s?[aA]\.?[mM]\.?(?!\w)", " A.M."),  # with stops hibari reads letters, without them an article
        (r"(?<=\d)\s?[pP]\.?[mM]\.?(?!\w)", " P.M."),
        (r"(?<![\w.,'])(?P<n>[1-9]\d{1,2}0)'?s(?!\w)", "{n:s}"),
        (r"(?<![\w-])'?(?P<n>[2-9]0)'?s(?!\w)", "{n:s}"),
        (r"\b[Nn]o\. ?(?=\d)", "number "),
        (r"\b[Nn]os\. ?(?=\d)", "numbers "),
        (r"(?<![\w&])#(?=\d)", "number "),
        (r"(?<!\w)~ ?(?=\d)", "about "),
        (r"\b24/7\b", "twenty-four seven"),
        (r"(?<=\d)\s?[x×]\s?(?=\d)", " by "),
        (r"(?<![\w.])(?P<n>\d{1,2})x(?!\w)", "{n} times"),
    ),
    abbreviations=table(
        "Mr., Mr=Mister; Mrs., Mrs=Missus; Ms.=Miz; Dr.=Doctor; Messrs.=Messieurs; approx.=approximately; "
        "vs., vs=versus; cf.=compare; i.e.=that is; e.g.=for example; w/o=without; w/=with; pp.=pages; Hwy.=Highway; "
        "Mon.-Fri.=Monday to Friday; a.k.a., aka=also known as; viz.=namely; Nos.=Numbers; nos.=numbers"
    ),
    closing=table(
        "etc.=et cetera; Jr.=Junior; Sr.=Senior; Inc.=Incorporated; Ltd.=Limited; Corp.=Corporation; Co.=Company; "
        "Bros.=Brothers; Ave.=Avenue; Blvd.=Boulevard; Rd.=Road; St.=Street; Ln.=Lane; Pkwy.=Parkway; Apt.=Apartment; "
        "Dept.=Department; Univ.=University; Govt.=Government; Assn.=Association; Bldg.=Building; Jan.=January; "
        "Feb.=February; Apr.=April; Aug.=August; Sept.=September; Oct.=October; Nov.=November; Dec.=December; "
        "Tues.=Tuesday; Thurs.=Thursday"
    ),
    before_number=table(
        "p.=page; No.=Number; no.=number; ch.=chapter; c., ca.=circa; fig.=figure; Fig.=Figure; vol.=volume; "
        "Vol.=Volume; est.=established; Ch.=Chapter"
    ),
    before_name=table(
        "St.=Saint; Mt.=Mount; Ft.=Fort; Prof.=Professor; Gen.=General; Gov.=Governor; Sen.=Senator; "
        "Rep.=Representative; Capt.=Captain; Lt.=Lieutenant; Col.=Colonel; Sgt.=Sergeant; Cmdr.=Commander; "
        "Rev.=Reverend; Hon.=Honorable; Pres.=President; Supt.=Superintendent; Cpl.=Corporal; Maj.=Major; "
        "Adm.=Admiral; Fr.=Father; Dr=Doctor"
    ),
    symbols=table(
        "&=and; +=plus; ==equals; %=percent; @=at; #=hashtag; §=section; ±=plus or minus; ×=times; ÷=divided by; "
        "<=less than; >=greater than; °=degrees; ©=copyright; ²=squared; ³=cubed; →=to; №=number; €=euros; £=pounds; "
        "$=dollars; −=minus"
    ),
    at="at",
    dot="dot",
    slash="slash",
    hyphen="dash",
    domains=table("uk=U K; us=U S; io=I O; tv=T V; eu=E U; de=D E; edu=E D U"),
    underscore="underscore",
)

_BRITISH = replace(
    RULES,
    spell=lambda number, form="": spell(number, form, " and "),
    numeric_dates=(RULES.numeric_dates[1], RULES.numeric_dates[0], RULES.numeric_dates[2]),
    date="the {day:o} of {month} {year:y}",
)
REGIONS = dict.fromkeys(("en-gb", "en-au", "en-nz", "en-za", "en-ie"), _BRITISH)
