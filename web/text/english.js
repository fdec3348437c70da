// English to IPA: tokens, tags, lexicons and the network for unknown words; hibari's pipeline (Apache-2.0) over the
// tables that come with a voice, then its alphabet as plain IPA.

import { isAlpha, isDecimal, pattern } from "./pattern.js";
import { Numerals } from "./numerals.js";
import { Shorthand, Tagger, token, Tokenizer } from "./tokens.js";
import { CONSONANTS, hasPrimary, stressed, VOWELS, weight, Words } from "./words.js";

export const VERSION = "0.2.1+1"; // of hibari and of the mapping below

const IPA = {
  A: "eɪ",
  I: "aɪ",
  O: "oʊ",
  Q: "əʊ",
  W: "aʊ",
  Y: "ɔɪ",
  ʤ: "dʒ",
  ʧ: "tʃ",
  ʣ: "dz",
  ʦ: "ts",
  T: "ɾ",
  ᵊ: "ə",
  "\ue000": "ʔ",
};
const GIVEN = /\[([^\]]+)\]\(([^)]*)\)/gu;
const JUNK = new Set("',-._‘’/");
const MARKS = new Set(';:,.!?—…"“”');
const QUOTES = new Set('"“”');
const MARK_TAGS = new Set([".", ",", "-LRB-", "-RRB-", "``", '""', "''", ":", "$", "#", "NFP"]);
const TAG_PHONEMES = { "-LRB-": "(", "-RRB-": ")", "``": "“", '""': "”", "''": "”" };
const SYMBOLS = {
  "/": "slˈæʃ",
  "=": "ˈikwᵊlz",
  "+": "plˈʌs",
  "&": "ænd",
  "@": "æt",
  "%": "pəɹsˈɛnt",
  "#": "hˈæʃ",
  "*": "ˈæstəɹˌɪsk",
  "~": "tˈɪldə",
  "^": "kˈɛɹət",
  "<": "lˈɛs ðən",
  ">": "ɡɹˈATəɹ ðən",
  "—": "—",
};

/** `word` with its own phonemes, which are kept as they are. */
export const given = (word, phonemes) => `[${word}](/${phonemes.replaceAll("ʔ", "\ue000")}/)`;

/** Reads English by the tables of one accent; `guess` is the network: word → promise of phonemes or null. */
export class English {
  constructor(tables, guess) {
    const numerals = new Numerals({ ...tables.rules, hundred_joint: " and " });
    this.tokenizer = new Tokenizer(tables.exceptions, tables.patterns);
    this.tagger = new Tagger(tables.tagger);
    this.words = new Words(tables.gold, tables.silver, tables.british, numerals);
    this.shorthand = new Shorthand(tables.tables, tables.patterns);
    this.subtoken = pattern(tables.patterns.subtoken, "g");
    this.piece = pattern(tables.patterns.piece, "g");
    this.ordinal = (number) => numerals.spell(number, "o");
    this.guess = guess;
  }

  /** IPA of text, and its words: [{text, phonemes}] from one space to the next. */
  async read(text) {
    const tokens = this.tokens(this.shorthand.expand(text, this.ordinal));
    await this.#fill(tokens.words);
    const merged = tokens.words.map((word) => (Array.isArray(word) ? joined(word, true) : word));
    return spaced(merged);
  }

  /** Words of a text, each one token or an array of tokens that stand without a space between. */
  tokens(text) {
    const found = [];
    let end = 0;
    for (const match of text.matchAll(GIVEN)) {
      found.push(...this.#tagged(text.slice(end, match.index)));
      end = match.index + match[0].length;
      const slashes = /^\/.*\/$/su.test(match[2]) && match[2].length > 1;
      const phonemes = slashes ? match[2].slice(1).replace(/\/+$/, "") : null;
      found.push(token(match[1], "NN", /^\s/.test(text.slice(end)) ? " " : "", phonemes));
    }
    found.push(...this.#tagged(text.slice(end)));
    return { words: this.#grouped(found) };
  }

  #tagged(text) {
    const pairs = this.tokenizer.pairs(text);
    const tags = this.tagger.tags_of(pairs.map(([word]) => word));
    return pairs.map(([word, space], at) => token(word, tags[at], space));
  }

  #grouped(tokens) {
    const words = [];
    for (const whole of tokens) {
      const parts = this.#parts(whole);
      parts.forEach((part, at) => {
        mark(part, parts, at);
        const before = words.at(-1);
        if (part.alias !== null || part.phonemes !== null) words.push(part);
        else if (Array.isArray(before) && !before.at(-1).space) {
          part.isHead = false;
          before.push(part);
        } else words.push(part.space ? part : [part]);
      });
    }
    return words.map((word) => (Array.isArray(word) && word.length === 1 ? word[0] : word));
  }

  #parts(whole) {
    if (whole.phonemes !== null) return [whole];
    const texts = whole.text.match(this.subtoken) ?? [whole.text];
    const parts = texts.map((text) => token(text, whole.tag, ""));
    parts.at(-1).space = whole.space;
    return parts;
  }

  /** Phonemes for all words, the last one first: what a word sounds like may depend on what follows. */
  async #fill(words) {
    let context = { vowel: null, to: false };
    for (const word of [...words].reverse()) {
      if (Array.isArray(word)) {
        context = await this.#compound(word, context);
        continue;
      }
      if (word.phonemes === null) [word.phonemes, word.rating] = this.words.read(word, context);
      if (word.phonemes === null) [word.phonemes, word.rating] = await this.#fallback(word.text);
      context = following(context, word.phonemes, word);
    }
  }

  /** Tokens without spaces between: the longest stretches that the lexicon knows, from the right. */
  async #compound(word, context) {
    let [left, right] = [0, word.length];
    while (left < right) {
      const part = word.slice(left, right);
      const whole = part.some((one) => one.alias !== null || one.phonemes !== null) ? null : joined(part, false);
      const [phonemes, rating] = whole ? this.words.read(whole, context) : [null, null];
      if (phonemes !== null) {
        part.forEach((one, at) => Object.assign(one, { phonemes: at ? "" : phonemes, rating }));
        context = following(context, phonemes, whole);
        [left, right] = [0, left];
      } else if (left + 1 < right) {
        left += 1;
      } else {
        right -= 1;
        if (word[right].phonemes === null) {
          if (!isJunk(word[right].text)) {
            const [guess, sure] = await this.#fallback(joined(word, false).text);
            word.forEach((one, at) => Object.assign(one, { phonemes: at ? "" : guess, rating: sure }));
            return context;
          }
          Object.assign(word[right], { phonemes: "", rating: 3 });
        }
        left = 0;
      }
    }
    settle(word);
    return context;
  }

  /** An unknown word: letters go to the network, digits to the number reader, symbols to a table. */
  async #fallback(text) {
    const read = [];
    for (const [piece] of text.matchAll(this.piece)) {
      if (isDecimal(piece[0])) read.push(this.words.number(piece)[0]);
      else if (isAlpha(piece[0])) read.push(await this.guess(piece));
      else read.push(Array.from(piece, (c) => SYMBOLS[c] ?? "").join(""));
    }
    const found = read.filter(Boolean);
    return found.length ? [found.join(" "), 2] : ["", 3];
  }
}

/** Punctuation and the 2 of "text2speech" are read by their place. */
function mark(part, parts, at) {
  const letters = Array.from(part.text);
  const latin = letters.every((c) => c.toLowerCase() >= "a" && c.toLowerCase() <= "z");
  if (part.phonemes !== null) return;
  if (part.tag === ":" && ["-", "–"].includes(part.text)) Object.assign(part, { phonemes: "—", rating: 3 });
  else if (MARK_TAGS.has(part.tag) && !latin) {
    const marks = TAG_PHONEMES[part.tag] ?? letters.filter((c) => MARKS.has(c)).join("");
    Object.assign(part, { phonemes: marks, rating: 4 });
  } else if (at > 0 && at < parts.length - 1 && part.text === "2") {
    if (isAlpha(parts[at - 1].text.at(-1) + parts[at + 1].text[0])) part.alias = "to";
  }
}

/** What the word before will see: whether a vowel follows, and whether "to" does. */
function following(context, phonemes, word) {
  const isMark = (c) => MARKS.has(c) && !QUOTES.has(c);
  const sound = Array.from(phonemes ?? "").find((c) => VOWELS.has(c) || CONSONANTS.has(c) || isMark(c));
  const vowel = sound === undefined ? context.vowel : isMark(sound) ? null : VOWELS.has(sound);
  const to = ["to", "To"].includes(word.text) || (word.text === "TO" && ["TO", "IN"].includes(word.tag));
  return { vowel, to };
}

/** Spaces and stresses within a word of several tokens. */
function settle(tokens) {
  const text = tokens.map((part, at) => part.text + (at < tokens.length - 1 ? part.space : "")).join("");
  const kinds = new Set(
    Array.from(text)
      .filter((c) => !JUNK.has(c))
      .map((c) => (isAlpha(c) ? 0 : /[0-9]/.test(c) ? 1 : 2)),
  );
  const prespace = text.includes(" ") || text.includes("/") || kinds.size > 1;
  tokens.forEach((part, at) => {
    if (part.phonemes === null) {
      if (at === tokens.length - 1 && MARKS.has(part.text) && !QUOTES.has(part.text)) part.phonemes = part.text;
      else if (isJunk(part.text)) part.phonemes = "";
    } else if (at > 0) part.prespace = prespace;
  });
  if (!prespace) weaken(tokens);
}

/** Of several stresses in one word the lighter half becomes weaker. */
function weaken(tokens) {
  const sounding = tokens.filter((part) => part.phonemes);
  const heard = sounding.map((part) => ({ part, primary: hasPrimary(part.phonemes), size: weight(part.phonemes) }));
  if (heard.length === 2 && heard[0].part.text.length === 1) {
    heard[1].part.phonemes = stressed(heard[1].part.phonemes, -0.5);
    return;
  }
  const primaries = heard.filter(({ primary }) => primary).length;
  if (heard.length < 2 || primaries <= Math.floor((heard.length + 1) / 2)) return;
  heard.sort((one, other) => one.primary - other.primary || one.size - other.size);
  for (const { part } of heard.slice(0, Math.floor(heard.length / 2))) part.phonemes = stressed(part.phonemes, -0.5);
}

const isJunk = (text) => Array.from(text).every((c) => JUNK.has(c));

/** One token of several; with `read` their phonemes joined. */
function joined(tokens, read) {
  const text = tokens.map((part, at) => part.text + (at < tokens.length - 1 ? part.space : "")).join("");
  const capitals = (part) => Array.from(part.text).reduce((sum, c) => sum + (c === c.toLowerCase() ? 1 : 2), 0);
  const widest = tokens.reduce((best, part) => (capitals(part) > capitals(best) ? part : best));
  let phonemes = null;
  if (read) {
    phonemes = "";
    for (const part of tokens) {
      if (part.prespace && phonemes && !/\s$/.test(phonemes) && part.phonemes) phonemes += " ";
      phonemes += part.phonemes ?? "";
    }
  }
  return { ...token(text, widest.tag, tokens.at(-1).space), phonemes, isHead: tokens[0].isHead };
}

/** The IPA of all tokens, and what stands between two spaces as one word. */
function spaced(tokens) {
  const words = [];
  let word = { text: "", phonemes: "" };
  for (const { text, phonemes, space, rating } of tokens) {
    const ipa = Array.from((phonemes ?? "").replaceAll("ɾ", "T").replaceAll("ʔ", "t"), (c) => IPA[c] ?? c).join("");
    word.text += text;
    word.phonemes += ipa;
    word.guessed ||= rating === 2 && ipa !== "";
    if (space) {
      words.push(word);
      word = { text: "", phonemes: "" };
    }
  }
  words.push(word);
  return {
    phonemes: words
      .map(({ phonemes }) => phonemes)
      .join(" ")
      .trim(),
    words,
  };
}
