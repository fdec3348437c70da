"""Japanese."""

from voiceloom_model.text.normalise.rules import Fractions, Rules, never, table

RULES = Rules(
    language="ja",
    decimal=".",
    groups=",",
    forms={"": "spellout-cardinal"},
    polish=((".*", "〇", "ゼロ"),),
    digits="ゼロ 一 二 三 四 五 六 七 八 九",
    space="",
    point="点",
    minus="マイナス",
    to="から",
    ratio="対",
    plural=never,
    percent=":",
    percent_template="{number}パーセント",
    unit_template="{number}{noun}",
    units=table(
        "km=:キロメートル; m=:メートル; cm=:センチメートル; mm=:ミリメートル; kg=:キログラム; g=:グラム; "
        "mg=:ミリグラム; t=:トン; L, l=:リットル; ml, mL=:ミリリットル; m²=:平方メートル; km²=:平方キロメートル; "
        "m³=:立方メートル; ha=:ヘクタール; km/h=:キロメートル毎時; m/s=:メートル毎秒; ℃, °C, ° C, °=:度; h=:時間; "
        "min=:分; s=:秒; ms=:ミリ秒; Hz=:ヘルツ; kHz=:キロヘルツ; MHz=:メガヘルツ; GHz=:ギガヘルツ; KB=:キロバイト; "
        "MB=:メガバイト; GB=:ギガバイト; TB=:テラバイト; V=:ボルト; W=:ワット; kW=:キロワット; kWh=:キロワット時; "
        "‰=:パーミル"
    ),
    money=table("¥, JPY=:円; $, US$, USD=:ドル; €, EUR=:ユーロ; £=:ポンド; ₩=:ウォン"),
    money_template="",
    big=table("万=:万; 億=:億; 兆=:兆"),
    of="",
    months=tuple(
        f"{month}月" for month in ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二"]
    ),
    numeric_dates=(r"(?<![\w/]){y}/{m}/{d}(?![\w/])", r"(?<![\w.]){y}\.{m}\.{d}(?![\w.])"),
    date="{year}年{month}{day}日",
    clock="{hour}時{minute}分",
    clock_full="{hour}時",
    clock_second=":秒",
    phone=r"0\d{1,3}-\d{2,4}-\d{4}|0[789]0\d{8}",
    fractions=Fractions("", "", "と", "{d}分の{n}"),
    extra=((r"(?<=\d)\s?[x×]\s?(?=\d)", "かける"), (r"(?<=[^\W\d_])[〜~](?=\d)", "から")),
    symbols=table(
        "&=アンド; +=プラス; ==イコール; %=パーセント; @=アットマーク; #=シャープ; ±=プラスマイナス; ×=かける; "
        "÷=割る; °, ℃=度; ²=の二乗; ³=の三乗; €=ユーロ; $=ドル; £=ポンド; ¥=円; №=ナンバー; −=マイナス; <=小なり; "
        ">=大なり; ©=; 〒=郵便番号"
    ),
    at="アットマーク",
    dot="ドット",
    slash="スラッシュ",
    hyphen="ハイフン",
    underscore="アンダーバー",
)

REGIONS: dict[str, Rules] = {}
