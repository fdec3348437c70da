// All that has digits in it: voiceloom_model.text.normalise.amounts, measures and ordinals in JavaScript.

import { global, replace } from "./matches.js";
import { MINUS } from "./numerals.js";
import { alternatives, isDecimal, isUpper, pattern } from "./pattern.js";

const SIGNS = "$€£¥";
const VULGAR = {
  "½": "1/2",
  "⅓": "1/3",
  "⅔": "2/3",
  "¼": "1/4",
  "¾": "3/4",
  "⅕": "1/5",
  "⅖": "2/5",
  "⅗": "3/5",
  "⅘": "4/5",
  "⅙": "1/6",
  "⅚": "5/6",
  "⅛": "1/8",
  "⅜": "3/8",
  "⅝": "5/8",
  "⅞": "7/8",
};
const SIGN = `(?:(?<![\\w.,)%${MINUS}])[${MINUS}])?`;
const lowered = (unit) => unit.replace("²", "2").replace("³", "3");

/** Functions text → text that read numbers by a language's rules. */
export class Amounts {
  constructor(numerals, dates) {
    this.numerals = numerals;
    this.rules = numerals.rules;
    this.month = dates.month;
    const { number } = numerals;
    const units = new Set([...Object.keys(this.rules.units), ...Object.keys(this.rules.units).map(lowered)]);
    this.money = this.#moneyPattern(`[${MINUS}]?${number}`);
    this.measure = `(?<![\\d.,])(?P<n>${SIGN}${number})\\s?(?P<u>%|(?:${alternatives(units)})(?!\\w))`;
    const part = `(?:\\s?(?P<u>${alternatives(Object.keys(this.rules.units))})(?!\\w))?`;
    const fraction = "(?:(?P<whole>\\d{1,4})\\s)?(?P<n>\\d{1,3})/(?P<d>\\d{1,3})";
    this.fraction = `(?<![\\w./,])${fraction}${part}(?![\\w/]|[.,]\\d)`;
    this.ones = named(this.rules.fractions.one);
    this.many = named(this.rules.fractions.many);
  }

  read(text) {
    text = this.#phones(text);
    text = this.#dotted(text);
    text = this.#ordinals(text);
    text = this.#ranges(text);
    text = replace(this.fraction, (match) => this.#fraction(match.groups), text);
    text = replace(this.money, (match) => this.#price(match.groups) + stop(match, match.groups.s2 ?? ""), text);
    text = replace(this.measure, (match) => this.#measured(match.groups) + stop(match, match.groups.u), text);
    return this.#numbers(text);
  }

  /** What nothing else has read, one by one. */
  readLeftDigits(text) {
    return text.replace(/\p{Nd}+|[²³]/gu, (match) => ` ${this.numerals.digits(lowered(match))} `);
  }

  #phones(text) {
    const phone = `(?:${this.rules.phone}|(?:\\+|0)[\\d ()/-]{5,}\\d)`;
    const source = `(?<![\\w.,+/-])(?<!\\d )${phone}(?![\\w/-]|[.,]\\d)`;
    return replace(
      source,
      ({ text: number }) => {
        const groups = number.match(/\d+/g);
        const whole = pattern(`^(?:${this.rules.phone})$`).test(number);
        const size = groups.join("").length;
        if (!(groups.length > 1 || number.startsWith("+") || whole) || size < 6 || size > 16) return null;
        const plus = number.startsWith("+") ? `${this.rules.symbols["+"] ?? ""} ` : "";
        return plus + groups.map((group) => this.numerals.digits(group)).join(", ");
      },
      text,
    );
  }

  /** Versions and addresses such as 1.2.3. */
  #dotted(text) {
    const number = pattern(`^(?:${this.numerals.number})$`);
    return replace(
      "(?<![\\w.,])\\d+(?:\\.\\d+)+(?![\\w]|[.,]\\d)",
      (match) => {
        if (number.test(match.text)) return null;
        return match.text
          .split(".")
          .map((part) => this.numerals.named(part))
          .join(` ${this.rules.dot} `);
      },
      text,
    );
  }

  #ordinals(text) {
    for (const [suffix, form] of this.rules.ordinals) {
      const number = `(?P<n>\\d{1,3}(?:${this.rules.groups}\\d{3})+|\\d{1,6})`;
      const read = (match) => this.numerals.spell(Number(match.groups.n.replace(/\D/g, "")), form);
      text = replace(`(?<![\\w.,])${number}${suffix}(?!\\w)`, read, text);
    }
    return text;
  }

  #ranges(text) {
    const { number } = this.numerals;
    const next = `(?=[${SIGNS}]?${number}(?![\\w-]*[-:]\\d))`;
    const source = `(?<![\\w.,:-])([${SIGNS}]?${number}(?:\\s?(?:[%€]|°C))?)(\\s?[-–~〜]\\s?|:)${next}`;
    return text.replace(global(source), (...found) => {
      const [, from, mark] = found;
      const after = found.at(-1).slice(found.at(-2) + found[0].length);
      const minutes = mark === ":" && /^\d\d(?!\d)/.test(after);
      const sign = SIGNS.includes(from[0]) ? from[0] : "";
      const again = SIGNS.includes(after[0]) ? "" : sign;
      return from.slice(sign.length) + (minutes ? " " : ` ${this.rules.to} `) + again;
    });
  }

  #fraction({ whole, n, d, u }) {
    const parts = this.rules.fractions;
    const [count, of] = [Number(n), Number(d)];
    if (of === 0) return null;
    const unit = u ? ` ${this.numerals.noun(this.rules.units[u], whole ? "2.5" : this.rules.part)}` : "";
    if (whole && parts.half && count === 1 && of === 2) {
      return this.numerals.fill(parts.half, { whole: Number(whole) }) + unit;
    }
    const words = whole ? `${this.numerals.spell(Number(whole))} ${parts.joined} ` : "";
    if (count === 1 && this.ones.has(of)) return words + this.ones.get(of) + unit;
    if (count > 1 && count < 20 && this.many.has(of)) {
      return `${words}${this.numerals.spell(count)} ${this.many.get(of)}${unit}`;
    }
    return words + this.numerals.fill(parts.other, { n: count, d: of }) + unit;
  }

  #moneyPattern(number) {
    const signs = alternatives(Object.keys(this.rules.money));
    const big = (name) => `(?:\\s?(?P<${name}>${alternatives(Object.keys(this.rules.big))})(?!\\w))?`;
    const before = `(?<![^\\W\\d_])(?P<s1>${signs})\\s?(?P<n1>${number})${big("b1")}`;
    const after = `(?<![\\w.,])(?P<n2>${number})${big("b2")}\\s?(?P<s2>${signs})(?!\\w)`;
    return `${before}|${after}`;
  }

  #price(groups) {
    const [sign, big] = [groups.s1 ?? groups.s2, groups.b1 ?? groups.b2];
    let number = groups.n1 ?? groups.n2;
    const [units, hundredths] = this.rules.money[sign].split("/");
    const [whole, part] = this.numerals.split(number);
    if (big) {
      const count = this.numerals.noun(this.rules.big[big], this.numerals.plain(number));
      return `${this.numerals.spoken(number)} ${count}${this.rules.of}${this.numerals.noun(units, "2")}`;
    }
    if (!(hundredths && part.length === 2) || part === "00") {
      if (part === "00") number = number.slice(0, -3);
      return this.#counted(number, units);
    }
    const minus = MINUS.includes(number[0]) ? `${this.rules.minus} ` : "";
    const parts = {
      whole: this.numerals.spell(Number(whole)),
      noun: this.numerals.noun(units, whole.replace(/^0+/, "") || "0"),
      part: this.numerals.spell(Number(part)),
      cents: this.numerals.noun(hundredths, part.replace(/^0+/, "")),
    };
    return minus + this.numerals.fill(Number(whole) ? this.rules.money_template : "{part} {cents}", parts);
  }

  #counted(number, nouns, template = this.rules.unit_template) {
    const noun = this.numerals.noun(nouns, this.numerals.plain(number));
    return this.numerals.fill(template, { number: this.numerals.spoken(number), noun });
  }

  #measured({ n, u }) {
    if (u === "%") return this.#counted(n, this.rules.percent, this.rules.percent_template);
    const { units } = this.rules;
    return this.#counted(n, units[u] ?? units[u.replace("2", "²").replace("3", "³")]);
  }

  #numbers(text) {
    text = text.replace(/(?<=\p{Nd}),(?=\p{Nd}{1,2}(?!\p{Nd}))/gu, ", ");
    text = text.replace(global("(?<=\\d)(?=[^\\W\\d_])|(?<=[^\\W\\d_])(?=\\d)"), " ");
    return replace(`(?<![\\d.,])${SIGN}${this.numerals.number}|\\d+`, (match) => this.#plain(match), text);
  }

  #plain({ text: number, before, after }) {
    const [from, to] = this.rules.years;
    if (isDecimal(number) && number.length === 4 && Number(number) >= from && Number(number) < to) {
      const lone = this.rules.no_year && !pattern(`^(?:${this.rules.no_year})`).test(after);
      const context = `(?:${this.rules.year_context}|\\b(?:${this.month})[.,]?)\\s?$`;
      if (lone || pattern(context).test(before)) return this.numerals.spell(Number(number), "y");
    }
    return this.numerals.spoken(number);
  }
}

/** ½ as 1/2, apart from a number before it. */
export function writeFractions(text) {
  for (const [symbol, fraction] of Object.entries(VULGAR)) {
    text = text.replace(new RegExp(`(?<=\\p{Nd})\\s?${symbol}`, "gu"), ` ${fraction}`).replaceAll(symbol, fraction);
  }
  return text;
}

/** The stop of "5 min." where it also ends the sentence. */
function stop({ after }, unit) {
  const rest = after.replace(/^["')]+/, "");
  return unit.endsWith(".") && (!rest || (/^\s+\p{L}/u.test(rest) && isUpper(rest.trimStart()[0]))) ? "." : "";
}

function named(table) {
  const entries = table.split(" ").map((entry) => entry.split(":"));
  return new Map(entries.map(([key, name]) => [Number(key), name.replaceAll("_", " ")]));
}
