// English numbers as words: voiceloom_model.text.normalise.en's speller, and its ways to write a number.

import { escaped, rpartition } from "./pattern.js";

const ONES = (
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen " +
  "eighteen nineteen"
).split(" ");
const TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split(" ");
const SCALES = ["", " thousand", " million", " billion", " trillion"];
const DECADES = "twenties thirties forties fifties sixties seventies eighties nineties".split(" ");
const ORDINALS = {
  one: "first",
  two: "second",
  three: "third",
  five: "fifth",
  eight: "eighth",
  nine: "ninth",
  twelve: "twelfth",
};
/** From here on digits are read one by one. */
const LONGEST = 15;
export const MINUS = "-−";

/** The speller of one set of rules, and all that builds on it. */
export class Numerals {
  constructor(rules) {
    this.rules = rules;
    this.joint = rules.hundred_joint;
    const grouped = `\\d{1,3}(?:${rules.groups}\\d{3})+(?!\\d)`;
    /** Python pattern of a number without sign. */
    this.number = `(?:${grouped}|\\d+)(?:${escaped(rules.decimal)}\\d+)?`;
  }

  /** A whole number in the form "" (cardinal), "o" (ordinal), "y" (year), "s" (decade) or "d" (digits). */
  spell(number, form = "") {
    if (form === "d" || number >= 10 ** LONGEST) return this.digits(String(number));
    if (form === "y") return this.#year(number);
    if (form === "s") return this.#decade(number);
    const words = this.#cardinal(number);
    return form === "o" ? ordinal(words) : words;
  }

  digits(digits) {
    return Array.from(digits, (digit) => ONES[Number(digit)]).join(" ");
  }

  /** Digits without separators: one by one where they are a name rather than a number (007). */
  named(digits) {
    const named = (digits[0] === "0" && digits.length > 1) || (digits.length >= 10 && !digits.endsWith("000000"));
    return named || digits.length > LONGEST ? this.digits(digits) : this.spell(Number(digits));
  }

  /** The digits before and after the decimal point, ungrouped and without sign. */
  split(number) {
    const [whole, part = ""] = unsigned(number).split(this.rules.decimal, 2);
    return [whole.replace(/\D/g, ""), part];
  }

  /** A number as it is written ("-1,234.5") in words. */
  spoken(number) {
    const [whole, part] = this.split(number);
    const minus = MINUS.includes(number[0]) ? `${this.rules.minus} ` : "";
    if (part) return `${minus}${this.spell(Number(whole))} ${this.rules.point} ${this.digits(part)}`;
    return minus + (whole === unsigned(number) ? this.named(whole) : this.spell(Number(whole)));
  }

  /** The form of a noun ("gender:one|many") that goes with a number as it is written. */
  noun(nouns, number) {
    const forms = nouns.slice(nouns.indexOf(":") + 1).split("|");
    return number === "1" ? forms[0] : forms[Math.min(1, forms.length - 1)];
  }

  /** A written number as "1234.5", for `noun`. */
  plain(number) {
    const [whole, part] = this.split(number);
    return (whole.replace(/^0+/, "") || "0") + (part && `.${part}`);
  }

  /** `template` with its parts: numbers spelt in the form they stand with, words as they are. */
  fill(template, parts) {
    return template.replace(/\{(\w+)(?::([\w.?]+))?\}/g, (_, name, form) => {
      const value = parts[name];
      return typeof value === "number" ? this.spell(value, form) : value;
    });
  }

  #cardinal(number) {
    const groups = [];
    for (let scale = 0; number > 0; scale++) {
      const group = number % 1000;
      number = Math.floor(number / 1000);
      if (group) groups.unshift(this.#below1000(group) + SCALES[scale]);
    }
    return groups.join(" ") || ONES[0];
  }

  #below1000(number) {
    const rest = number % 100;
    const words = rest < 20 ? ONES[rest] : TENS[Math.floor(rest / 10)] + (rest % 10 ? `-${ONES[rest % 10]}` : "");
    if (number < 100) return words;
    return `${ONES[Math.floor(number / 100)]} hundred${rest ? this.joint + words : ""}`;
  }

  #year(year) {
    const [century, rest] = [Math.floor(year / 100), year % 100];
    if ((century % 10 === 0 && rest < 10) || century < 11) return this.#cardinal(year);
    if (!rest) return `${this.#cardinal(century)} hundred`;
    return `${this.#cardinal(century)} ${rest < 10 ? "oh " : ""}${this.#below1000(rest)}`;
  }

  #decade(number) {
    const head = number >= 100 ? this.#year(number) : ONES[0];
    if (number % 100 < 20) return `${head}s`;
    return `${rpartition(head, " ")[0]} ${DECADES[Math.floor((number % 100) / 10) - 2]}`.trim();
  }
}

function unsigned(number) {
  return number.replace(/^[-−]+/u, "");
}

function ordinal(words) {
  const hyphened = rpartition(words, " ")[2].includes("-");
  const [head, mark, last] = rpartition(words, hyphened ? "-" : " ");
  return head + mark + (ORDINALS[last] ?? (last.endsWith("y") ? `${last.slice(0, -1)}ieth` : `${last}th`));
}
