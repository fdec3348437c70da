// From English as it is written to English as it is spoken: the engine of voiceloom_model.text.normalise.
// The tables come with the voice; the version below says which readings of the Python normaliser these are.

import { Amounts, writeFractions } from "./amounts.js";
import { cleaner } from "./clean.js";
import { Dates } from "./dates.js";
import { replace } from "./matches.js";
import { Numerals } from "./numerals.js";
import { isDecimal, pattern } from "./pattern.js";
import { symbolClass, tidy, Writing } from "./writing.js";

export const NORMALISER = "1";
const PASSES = 4; // a reading may open another ("Fig. IV" → "Figure IV")
const WELL_FORMED = /^C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})$/;
const ROMANS = { I: 1, V: 5, X: 10, L: 50, C: 100 };

/** A function text → text without a digit in it. */
export function normaliser(rules, cleaning) {
  const clean = cleaner(cleaning);
  const numerals = new Numerals(rules);
  const dates = new Dates(numerals);
  const parts = { rules, numerals, dates, amounts: new Amounts(numerals, dates), writing: new Writing(numerals) };
  const symbols = `${symbolClass(rules)}@²³½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞*|\\\\~_`;
  const romans = rules.romans.length ? "|\\b[IVXLC]+" : "";
  const expandable = pattern(`[\\d${symbols}]|://|www\\.${romans}|${parts.writing.abbreviation}`);
  return (text) => {
    text = clean(text);
    for (let pass = 0; pass < PASSES && expandable.test(text); pass++) {
      const expanded = clean(expand(text, parts));
      if (expanded === text) break;
      text = expanded;
    }
    return text;
  };
}

function expand(text, { rules, numerals, dates, amounts, writing }) {
  text = writing.readLinks(writeFractions(text));
  text = dates.readDates(text);
  text = readExtra(text, rules, numerals);
  text = readRomans(text, rules, numerals);
  text = dates.readClocks(text);
  text = writing.readAbbreviations(text);
  if (/[\p{Nd}²³¹]/u.test(text)) text = amounts.read(text);
  text = writing.readSymbols(text);
  return tidy(amounts.readLeftDigits(text));
}

/** The language's own patterns. */
function readExtra(text, rules, numerals) {
  for (const [source, template] of rules.extra) {
    text = replace(
      source,
      ({ groups }) => {
        const named = Object.entries(groups ?? {}).filter(([, word]) => word);
        return numerals.fill(template, Object.fromEntries(named.map(([name, word]) => [name, value(word)])));
      },
      text,
    );
  }
  return text;
}

const value = (word) => (isDecimal(word) ? Number(word) : word);

/** Roman numerals where the rules say that they are some. */
function readRomans(text, rules, numerals) {
  for (const entry of rules.romans) {
    const source = `(?P<before>${entry.before})(?P<roman>[IVXLC]+)(?:${entry.after})(?!\\w)`;
    text = replace(
      source,
      ({ groups }) => {
        const number = roman(groups.roman);
        if (number === null) return null;
        const within = number <= entry.limit;
        const words = numerals.spell(number, within ? entry.form : entry.beyond);
        return groups.before + (within ? entry.template : "{}").replace("{}", words);
      },
      text,
    );
  }
  return text;
}

/** The number of a Roman numeral below 400, null where it is no proper one. */
function roman(numeral) {
  if (!WELL_FORMED.test(numeral)) return null;
  const digits = Array.from(numeral, (letter) => ROMANS[letter]);
  return digits.reduce((sum, digit, at) => sum + (digit < (digits[at + 1] ?? 0) ? -digit : digit), 0);
}
