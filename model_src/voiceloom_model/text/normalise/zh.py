"""Chinese: Mandarin in simplified characters; Cantonese and traditional regions in theirs."""

from __future__ import annotations

from dataclasses import replace

from voiceloom_model.text.normalise.rules import Fractions, Rules, never, table

_DIGITS = "零一二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_SCALES = ("", "万", "亿", "万亿")
_COUNTED = (
    "个|個|只|隻|位|名|次|天|年(?!代)|本|张|張|条|條|家|间|間|件|块|塊|岁|歲|种|種|杯|瓶|辆|輛|小时|小時|分钟|分鐘|人|倍|周|"
    r"層|层|句|部|台|座|封|套|双|雙|万|亿|米|公里|公斤|斤|点(?!\d)|點(?!\d)"
)


def spell(number: int, form: str = "") -> str:
    """`number` in the form "" (二), "m" (两 before a measure word) or "y" (a year, digit by digit)."""
    if form == "y" and 1000 <= number <= 9999:
        return "".join(_DIGITS[int(digit)] for digit in str(number))
    if number == 0:
        return _DIGITS[0]
    if number == 2 and form == "m":
        return "两"
    groups, rest = [], number
    while rest:
        rest, group = divmod(rest, 10_000)
        groups.append(group)
    words = "".join(_join(groups, scale) for scale in reversed(range(len(groups))))
    words = words.strip("零")
    return words[1:] if words.startswith("一十") else words


def _join(groups: list[int], scale: int) -> str:
    group = groups[scale]
    if not group:
        return "零"
    higher = any(groups[scale + 1 :])
    words = _below_10_000(group)
    words = "两" if group == 2 and scale else words
    gap = "零" if higher and group < 1000 else ""
    return (gap + words + _SCALES[scale]).replace("零零", "零")


def _below_10_000(number: int) -> str:
    words, gap = "", False
    for place in (3, 2, 1, 0):
        digit = number // 10**place % 10
        if digit:
            name = "两" if digit == 2 and place >= 2 else _DIGITS[digit]
            words += ("零" if gap and words else "") + name + _PLACES[place]
        gap = not digit
    return words


RULES = Rules(
    language="zh",
    decimal=".",
    groups=",",
    spell=spell,
    digits=" ".join(_DIGITS),
    space="",
    point="点",
    minus="负",
    to="到",
    ratio="比",
    agreement=((r"2", rf"\s?(?:{_COUNTED})", "m"),),
    plural=never,
    percent=":",
    percent_template="百分之{number}",
    unit_template="{number}{noun}",
    units=table(
        "km=m:千米; m=m:米; cm=m:厘米; mm=m:毫米; μm=m:微米; nm=m:纳米; kg=m:千克; g=m:克; mg=m:毫克; t=m:吨; "
        "L, l=m:升; ml, mL=m:毫升; m²=m:平方米; km²=m:平方千米; cm²=m:平方厘米; m³=m:立方米; cm³=m:立方厘米; "
        "ha=m:公顷; km/h=m:千米每小时; m/s=m:米每秒; ℃, °C, ° C=:摄氏度; °F=:华氏度; °=:度; h=m:小时; min=m:分钟; "
        "s=m:秒; ms=m:毫秒; Hz=:赫兹; kHz=:千赫; MHz=:兆赫; GHz=:吉赫; KB=:KB; MB=:兆; GB=:G; V=:伏; W=:瓦; kW=:千瓦; "
        "kWh=:千瓦时"
    ),
    money=table("¥, RMB, CNY=m:元; $, US$, USD=m:美元; €, EUR=m:欧元; £=m:英镑; HK$=m:港元; NT$=m:新台币; JPY=m:日元"),
    money_template="",
    big=table("万=:万; 亿=:亿; 百万=:百万; 千万=:千万"),
    of="",
    months=tuple(
        f"{month}月" for month in ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二"]
    ),
    numeric_dates=(r"(?<![\w/]){y}/{m}/{d}(?![\w/])", r"(?<![\w.]){y}\.{m}\.{d}(?![\w.])"),
    date="{year:y}年{month}{day}日",
    clock="{hour:m}点{minute}分",
    clock_full="{hour:m}点",
    clock_oh="{hour:m}点零{minute}分",
    clock_second=":秒",
    phone=r"1[3-9]\d{9}|\d{3}-\d{4}-\d{4}|0\d{2,3}-\d{7,8}|[48]00-\d{3,4}-\d{3,4}",
    fractions=Fractions("", "", "又", "{d}分之{n}"),
    extra=(
        (r"第(?P<n>\d+)", "第{n}"),
        (r"(?<!\d)(?P<y>\d{4})[-–~至到](?P<z>\d{4})(?=年)", "{y:y}到{z:y}"),
        (r"(?<!\d)(?P<y>\d{4})(?=年)", "{y:y}"),
        (r"[-−](?=\d+(?:\.\d+)?\s?(?:℃|°C|度))", "零下"),
        (r"(?<=\d)\s?[x×*]\s?(?=\d)", "乘"),
    ),
    symbols=table(
        "&=和; +=加; ==等于; %=百分号; @=艾特; #=井号; ±=正负; ×=乘; ÷=除以; °=度; ℃=摄氏度; ²=平方; ³=立方; €=欧元; "
        "$=美元; £=英镑; ¥=元; №=号; −=减; <=小于; >=大于; ©="
    ),
    at="艾特",
    dot="点",
    slash="斜杠",
    hyphen="杠",
    underscore="下划线",
)

_TRADITIONAL = str.maketrans("万亿两点负摄欧镑厘吨", "萬億兩點負攝歐鎊釐噸")


def _traditional(number: int, form: str = "") -> str:
    return spell(number, form).translate(_TRADITIONAL)


_HANT = replace(
    RULES,
    spell=_traditional,
    point="點",
    minus="負",
    units={unit: words.translate(_TRADITIONAL) for unit, words in RULES.units.items()},
    money={sign: words.translate(_TRADITIONAL) for sign, words in RULES.money.items()},
    big={"萬": ":萬", "億": ":億", "百萬": ":百萬", "千萬": ":千萬"},
    clock="{hour:m}點{minute}分",
    clock_full="{hour:m}點",
    clock_oh="{hour:m}點零{minute}分",
    dot="點",
)
REGIONS = dict.fromkeys(("yue", "zh-yue", "zh-hant", "zh-tw", "zh-hk", "zh-mo"), _HANT)
