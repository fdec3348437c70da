// English words and their parts of speech, by the tables of hibari 0.2.1 (Apache-2.0; its rules are spaCy's, MIT).

import { isAlpha, isDecimal, isLower, isUpper, pattern } from "./pattern.js";

/** A word with what is known of it; phonemes null until it is read. */
export function token(text, tag, space, phonemes = null) {
  return { text, tag, space, phonemes, alias: null, prespace: false, rating: phonemes === null ? null : 5 };
}

/** Splits text into words and marks: exceptions first, then prefixes, suffixes and infixes. */
export class Tokenizer {
  constructor(exceptions, patterns) {
    this.exceptions = new Map(Object.entries(exceptions));
    this.prefix = pattern(patterns.prefix);
    this.suffix = pattern(patterns.suffix);
    this.infix = pattern(patterns.infix, "g");
    this.url = pattern(patterns.url, "i");
  }

  /** Pairs [text, " " or ""]. */
  pairs(text) {
    const found = [];
    for (const match of text.matchAll(/\S+/gu)) {
      const parts = this.#split(match[0]);
      const space = match.index + match[0].length < text.length ? " " : "";
      parts.forEach((part, at) => found.push([part, at === parts.length - 1 ? space : ""]));
    }
    return found;
  }

  #split(chunk) {
    if (this.exceptions.has(chunk)) return [...this.exceptions.get(chunk)];
    const { before, middle, after } = this.#peeled(chunk);
    const parts = [...before, ...this.#middle(middle), ...after.reverse()];
    return parts.length > 1 ? this.#rejoined(parts) : parts;
  }

  /** A chunk without the marks around it, which are taken off pair by pair. */
  #peeled(chunk) {
    const [before, after] = [[], []];
    let size = -1;
    while (chunk && chunk.length !== size && !this.exceptions.has(chunk)) {
      size = chunk.length;
      const lead = this.prefix.exec(chunk)?.[0] ?? "";
      if (lead && this.exceptions.has(chunk.slice(lead.length))) {
        before.push(lead);
        chunk = chunk.slice(lead.length);
        break;
      }
      const trail = this.suffix.exec(chunk.slice(lead.length))?.[0] ?? "";
      const kept = chunk.slice(0, chunk.length - trail.length);
      if (trail && this.exceptions.has(kept)) {
        after.push(trail);
        chunk = kept;
        break;
      }
      if (lead) before.push(lead);
      if (trail) after.push(trail);
      chunk = kept.slice(lead.length);
    }
    return { before, middle: chunk, after };
  }

  #middle(text) {
    if (!text) return [];
    if (this.exceptions.has(text)) return this.exceptions.get(text);
    if (this.url.test(text)) return [text];
    const parts = [];
    let start = 0;
    for (const match of text.matchAll(this.infix)) {
      if (match.index === 0 || !match[0]) continue;
      if (match.index > start) parts.push(text.slice(start, match.index));
      parts.push(match[0]);
      start = match.index + match[0].length;
    }
    if (start < text.length) parts.push(text.slice(start));
    return parts;
  }

  /** Pieces that together are an exception: "Sept" and "." are "Sept.". */
  #rejoined(parts) {
    const joined = [];
    for (let at = 0; at < parts.length;) {
      const size = [3, 2].find((count) => {
        return at + count <= parts.length && this.exceptions.has(parts.slice(at, at + count).join(""));
      });
      joined.push(...(size ? this.exceptions.get(parts.slice(at, at + size).join("")) : [parts[at]]));
      at += size ?? 1;
    }
    return joined;
  }
}

const EDGES = { before: ["-START2-", "-START-"], after: ["-END-", "-END2-"] };

/** An averaged perceptron: words with one usual tag from a table, the others by what stands around them. */
export class Tagger {
  constructor({ tagdict, tags, vocab, weights }) {
    this.known = new Map(Object.entries(tagdict));
    this.weights = new Map(Object.entries(weights));
    this.vocabulary = new Set(vocab);
    this.tags = tags;
  }

  /** One tag a word. */
  tags_of(words) {
    const seen = words.map((word) => this.#seen(word));
    const around = [...EDGES.before, ...seen, ...EDGES.after];
    const found = [];
    let [before2, before] = EDGES.before;
    words.forEach((word, at) => {
      const tag = this.known.get(word) ?? this.#best(features(at, word, around, before, before2));
      found.push(tag);
      [before2, before] = [before, tag];
    });
    return found;
  }

  #seen(word) {
    const normal = normalForm(word);
    return this.vocabulary.has(normal) ? normal : `<${shape(word)}>`;
  }

  #best(found) {
    const scores = new Map();
    for (const feature of found) {
      const weights = this.weights.get(feature);
      if (!weights) continue;
      for (const tag in weights) scores.set(tag, (scores.get(tag) ?? 0) + weights[tag]);
    }
    if (!scores.size) return "NN";
    return this.tags.reduce((best, tag) => {
      const [one, other] = [scores.get(tag) ?? 0, scores.get(best) ?? 0];
      return one > other || (one === other && tag > best) ? tag : best;
    });
  }
}

function normalForm(word) {
  if (word.includes("-") && word[0] !== "-") return "!HYPHEN";
  if (isDecimal(word) && word.length === 4) return "!YEAR";
  return isDecimal(word[0]) ? "!DIGITS" : word.toLowerCase();
}

function shape(word) {
  if (isAlpha(word)) {
    if (isLower(word)) return "x";
    if (isUpper(word)) return word.length > 1 ? "XX" : "X1";
    return isUpper(word[0]) && isLower(word.slice(1)) ? "Xx" : "xX";
  }
  if (isDecimal(word)) return "d";
  return Array.from(word.slice(0, 4), (c) => (isDecimal(c) ? "d" : isAlpha(c) ? "x" : c)).join("");
}

function features(at, word, around, before, before2) {
  const here = at + 2;
  const tail = (text) => text.slice(-3);
  return [
    "b",
    `s3=${tail(word)}`,
    `p1=${word[0]}`,
    `w=${around[here]}`,
    `sh=${shape(word)}`,
    at === 0 ? "i0" : "i+",
    `t-1=${before}`,
    `t-2=${before2}`,
    `t-12=${before},${before2}`,
    `w-1=${around[here - 1]}`,
    `s3-1=${tail(around[here - 1])}`,
    `w-2=${around[here - 2]}`,
    `w+1=${around[here + 1]}`,
    `s3+1=${tail(around[here + 1])}`,
    `w+2=${around[here + 2]}`,
  ];
}

const SPELLING = /[.*+?^${}()|[\]\\]/g;

/** What the tables of abbreviations, titles and Roman numerals still find after normalising. */
export class Shorthand {
  constructor(tables, patterns) {
    this.tables = tables;
    this.title = pattern(patterns.title, "g");
    this.abbreviation = pattern(patterns.abbreviation, "g");
    this.cardinal = pattern(patterns.roman_cardinal, "g");
    this.ordinal = pattern(patterns.roman_ordinal, "g");
  }

  /** `text` with the rest of its shorthand written out; `spell` gives ordinals. */
  expand(text, spell) {
    const { titles, abbreviations } = this.tables;
    text = text.replace(/\s+/gu, " ").trim().replaceAll("’", "'").replaceAll("‒", "-").replaceAll("―", "—");
    text = text.replace(this.title, (_, title) => `${titles[title]} `);
    text = text.replace(this.abbreviation, (match, key, at) => {
      return abbreviations[key] + (at + match.length === text.length && key.endsWith(".") ? "." : "");
    });
    text = text.replace(this.cardinal, (_, name, numeral) => `${name} ${roman(numeral)}`);
    text = text.replace(this.ordinal, (_, name, numeral) => `${name} the ${spell(roman(numeral))}`);
    for (const [symbol, word] of Object.entries(this.tables.symbols)) text = written(text, symbol, word);
    return text
      .replace(/\s+/gu, " ")
      .replace(/ +([,.;:!?])/g, "$1")
      .trim();
  }
}

function written(text, symbol, word) {
  if (!text.includes(symbol)) return text;
  const escaped = symbol.replace(SPELLING, "\\$&");
  const source = "=<>~".includes(symbol) ? `(?<=\\S) ?${escaped} ?(?=\\S)` : escaped;
  return text.replace(new RegExp(source, "gu"), word ? ` ${word} ` : " ");
}

function roman(numeral) {
  const values = { I: 1, V: 5, X: 10, L: 50, C: 100, D: 500, M: 1000 };
  const digits = Array.from(numeral, (letter) => values[letter]);
  return digits.reduce((sum, digit, at) => sum + (digit < (digits[at + 1] ?? 0) ? -digit : digit), 0);
}
