// Dates and times of day: voiceloom_model.text.normalise.dates in JavaScript.

import { replace } from "./matches.js";
import { alternatives } from "./pattern.js";

const ISO = "(?<![\\w-]){y}-{m}-{d}(?![\\w-])";
const RANGE = "(?<![\\d:.,])(\\d{1,2}:[0-5]\\d)\\s?[-–]\\s?(?=\\d{1,2}:[0-5]\\d)";

/** Functions text → text that read dates and clocks by a language's rules. */
export class Dates {
  constructor(numerals) {
    this.numerals = numerals;
    this.rules = numerals.rules;
    this.months = new Map();
    this.rules.month_names.split(",").forEach((names, at) => {
      for (const name of names.trim().split(/\s+/)) this.months.set(name, at + 1);
    });
    /** Python pattern of every written name of a month. */
    this.month = alternatives(this.months.keys());
    const seconds = "(?::(?P<s>[0-5]\\d))?";
    const clock = `(?<![\\d:.,])(?P<h>[01]?\\d|2[0-4])(?:${this.rules.clock_marks})(?P<min>[0-5]\\d)${seconds}`;
    this.clock = `${clock}(?:${this.rules.clock_after})?(?![\\d:])`;
  }

  readDates(text) {
    for (const [written, template] of this.rules.written_dates) {
      text = replace(this.#written(written), (match) => this.#date(match.groups, template), text);
    }
    for (const numeric of [...this.rules.numeric_dates, ISO]) {
      text = replace(inNumbers(numeric), (match) => this.#date(match.groups, this.rules.date), text);
    }
    return text;
  }

  readClocks(text) {
    text = replace(RANGE, (match) => `${match.parts[0]} ${this.rules.to} `, text);
    return replace(this.clock, (match) => this.#time(match.groups), text);
  }

  #written(pattern) {
    const month = `(?P<m>${this.month})`;
    const parts = pattern.replace("{d}", "(?P<d>\\d{1,2})").replace("{m}", month).replace("{y}", "(?P<y>\\d{4})");
    return `(?<![\\w.,])${parts}(?!\\w)`;
  }

  #date(groups, template) {
    const [day, year] = [Number(groups.d ?? 1), groups.y];
    const month = this.months.get(groups.m) ?? Number(groups.m);
    if (!(month >= 1 && month <= 12 && day >= 1 && day <= 31)) return null;
    template = template.replace(/\[(.*?)\]/g, year ? "$1" : "");
    const parts = { day, month: this.rules.months[month - 1], year: wholeYear(year ?? "0") };
    return this.numerals.fill(template, parts);
  }

  #time({ h, min, s }) {
    const [hour, minute] = [Number(h), Number(min)];
    let template = minute ? this.rules.clock : this.rules.clock_full;
    if (minute > 0 && minute < 10 && this.rules.clock_oh) template = this.rules.clock_oh;
    const words = this.numerals.fill(template, { hour, minute });
    if (!Number(s ?? 0)) return words;
    const noun = this.numerals.noun(this.rules.clock_second, String(Number(s)));
    return `${words} ${this.numerals.spell(Number(s))} ${noun}`;
  }
}

function inNumbers(pattern) {
  const parts = pattern.replace("{d}", "(?P<d>\\d{1,2})").replace("{m}", "(?P<m>\\d{1,2})");
  return parts.replace("{y}", "(?P<y>\\d{4}|\\d{2})");
}

function wholeYear(year) {
  return year.length === 2 ? Number(year) + (Number(year) > 30 ? 1900 : 2000) : Number(year);
}
