// What is written but not read as it stands: voiceloom_model.text.normalise.writing in JavaScript.

import { first, global, replace } from "./matches.js";
import { alternatives, escaped, isAlnum, isDecimal, isUpper, words } from "./pattern.js";

const EMAIL = "[\\w.+-]*\\w@[\\w-]+(?:\\.[\\w-]+)*\\.[^\\W\\d_]{2,}";
const URL = '(?:(?:https?|ftp)://|www\\.)[^\\s<>"，。；、）]*[^\\s<>".,;:!?)\'\\]，。；、）]';
const DOMAIN = "(?<![\\w@.-])(?:[a-z0-9-]+\\.)+(?:com|org|net|edu|gov|io|eu|info)(?:/[\\w/.-]*\\w)?(?!\\w|\\.\\w)";
const LINK = `${EMAIL}|${URL}|${DOMAIN}`;
const ROMAN = /^[IVXLC]+(?![\p{L}\p{N}_])/u;
const NEVER_SPOKEN = /[*_\\|^~<>{}[\]•·●■◆†‡¶™®©¨¯¸˘˙˚˛˜˝]+/gu;

/** Functions text → text for addresses, abbreviations and symbols by a language's rules. */
export class Writing {
  constructor(numerals) {
    this.numerals = numerals;
    const { before_number, before_name, abbreviations, closing } = numerals.rules;
    this.rules = numerals.rules;
    const tables = [before_number, before_name, abbreviations, closing].map(capitalised);
    const keys = [...new Set(tables.flatMap((table) => [...table.keys()]))];
    const written = alternatives(keys).replaceAll(" ", "\\s?");
    /** Python pattern of every abbreviation. */
    this.abbreviation = keys.length ? `(?<![\\w.])(?:${written})(?!\\w)` : "(?!)";
    this.tables = tables.map((table) => new Map([...table].map(([key, word]) => [key.replaceAll(" ", ""), word])));
    this.symbols = alternatives(Object.keys(this.rules.symbols));
  }

  readLinks(text) {
    text = text.replace(global("<([^\\W\\d][^<>]*)>"), " $1 ");
    return text.includes(".") ? replace(LINK, (match) => this.#address(match.text), text) : text;
  }

  readAbbreviations(text) {
    return text.replace(global(this.abbreviation), (match, at) => {
      return this.#abbreviation(match, text.slice(0, at), text.slice(at + match.length));
    });
  }

  readSymbols(text) {
    if (!this.symbols) return text;
    return text.replace(global(this.symbols), (symbol) => {
      const word = this.rules.symbols[symbol];
      return word ? ` ${word} ` : " ";
    });
  }

  #address(address) {
    const { rules } = this;
    address = address.replace(/^\w+:\/\//, "").replace(/\/+$/, "");
    const marks = { "@": rules.at, ".": rules.dot, "/": rules.slash, "-": rules.hyphen, _: rules.underscore };
    const spelt = address.replace(/\bwww\b/g, "w.w.w.").replaceAll("w.w.w..", "w w w .");
    const parts = spelt.match(/[\p{L}\p{Nl}\p{No}]+|\p{Nd}+|\S/gu).map((part) => {
      return isDecimal(part) ? this.numerals.digits(part) : (marks[part] ?? (isAlnum(part) ? part : ""));
    });
    const final = parts.pop();
    return [...parts, rules.domains[final.toLowerCase()] ?? final].filter(Boolean).join(" ");
  }

  #abbreviation(match, before, after) {
    if (this.#isUnit(match, before)) return match;
    const written = match.replaceAll(" ", "");
    const [beforeNumber, beforeName, always, closing] = this.tables;
    const next = first(after.trimStart());
    const space = !isAlnum(next) || /^\s/.test(after) ? "" : " ";
    const numbered = isDecimal(next) || ROMAN.test(after.trimStart());
    if (beforeNumber.has(written) && numbered) return beforeNumber.get(written) + space;
    if (beforeName.has(written) && isUpper(next)) return beforeName.get(written) + space;
    const words = always.get(written) ?? closing.get(written);
    if (words === undefined) return match;
    const ends =
      !after.replace(/^["') ]+|["') ]+$/g, "") || (closing.has(written) && /^\s/.test(after) && isUpper(next));
    return words + (ends && written.endsWith(".") && !words.endsWith(".") ? "." : space);
  }

  /** 5 min., 3 Mio.: a unit after its number is no abbreviation of anything else. */
  #isUnit(match, before) {
    const tables = [this.rules.units, this.rules.money, this.rules.big];
    const known = [match, match.replace(/\.+$/, "")].some((name) => tables.some((table) => Object.hasOwn(table, name)));
    return known && isDecimal(before.trimEnd().slice(-1));
  }
}

/** What is left of brackets, bullets and spaces after the words are in. */
export function tidy(text) {
  text = text.replace(global("(?<=[^\\W\\d_])/(?=[^\\W\\d_])"), " ").replace(NEVER_SPOKEN, " ");
  return words(text.replace(/\s+([,.;!?])/g, "$1")).join(" ");
}

/** A table of abbreviations with those that begin a sentence: Fig. beside fig. */
function capitalised(table) {
  const raised = Object.entries(table).map(([key, words]) => [raise(key), raise(words)]);
  return new Map([...raised, ...Object.entries(table)]);
}

const raise = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

/** Python pattern of any symbol that a pass could act on. */
export const symbolClass = (rules) => Object.keys(rules.symbols).map(escaped).join("");
