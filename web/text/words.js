// One English word to phonemes: lexicons by part of speech, endings and stress, by the rules of hibari 0.2.1
// (Apache-2.0), which are misaki's (Apache-2.0).

import { isAlpha } from "./pattern.js";

const PRIMARY = "ˈ";
const SECONDARY = "ˌ";
export const VOWELS = new Set("AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻ");
export const CONSONANTS = new Set("bdfhjklmnpstvwzðŋɡɹɾʃʒʤʧθ");
const DIPHTHONGS = new Set("AIOQWYʤʧ");
const TAPPING = new Set("AIOWYiuæɑəɛɪɹʊʌ");
const SYMBOLS = { "%": "percent", "&": "and", "+": "plus", "@": "at" };
const CAPITAL_STRESS = { some: 0.5, all: 2 };

/** How heavy phonemes are when stresses compete: diphthongs and affricates count twice. */
export const weight = (phonemes) => Array.from(phonemes).reduce((sum, c) => sum + (DIPHTHONGS.has(c) ? 2 : 1), 0);
export const hasPrimary = (phonemes) => phonemes.includes(PRIMARY);

/** Phonemes with more or less stress: from below -1 (none) to above 1 (primary); null leaves them. */
export function stressed(phonemes, stress) {
  if (stress === null || phonemes === null) return phonemes;
  const [primary, secondary] = [phonemes.includes(PRIMARY), phonemes.includes(SECONDARY)];
  if (stress < -1) return phonemes.replace(/[ˈˌ]/g, "");
  if (stress === -1 || ((stress === 0 || stress === -0.5) && primary)) {
    return phonemes.replaceAll(SECONDARY, "").replaceAll(PRIMARY, SECONDARY);
  }
  if ([0, 0.5, 1].includes(stress) && !primary && !secondary) return marked(phonemes, SECONDARY);
  if (stress >= 1 && !primary && secondary) return phonemes.replaceAll(SECONDARY, PRIMARY);
  return stress > 1 && !primary && !secondary ? marked(phonemes, PRIMARY) : phonemes;
}

/** A mark before the first vowel, if there is one. */
function marked(phonemes, mark) {
  const at = Array.from(phonemes).findIndex((c) => VOWELS.has(c));
  return at < 0 ? phonemes : phonemes.slice(0, at) + mark + phonemes.slice(at);
}

function parent(tag) {
  if (tag === null) return tag;
  const of = { VB: "VERB", NN: "NOUN", ADV: "ADV", RB: "ADV", ADJ: "ADJ", JJ: "ADJ" };
  return Object.entries(of).find(([start]) => tag.startsWith(start))?.[1] ?? tag;
}

/** A dictionary whose lower-case words answer to their capitalised form, and the other way round. */
class Dictionary {
  constructor(entries) {
    this.entries = new Map(Object.entries(entries));
  }

  get(word) {
    const found = this.entries.get(word) ?? null;
    if (found !== null || word.length < 2) return found;
    const lower = word.toLowerCase();
    const capital = word[0].toUpperCase() + lower.slice(1);
    if (word === lower) return capital === word ? null : (this.entries.get(capital) ?? null);
    return word === capital ? (this.entries.get(lower) ?? null) : null;
  }

  has(word) {
    return this.get(word) !== null;
  }
}

const NOTHING = [null, null];

/** Words in context to [phonemes or null, rating]. */
export class Words {
  constructor(gold, silver, british, numerals) {
    this.gold = new Dictionary(gold);
    this.silver = new Dictionary(silver);
    this.british = british;
    this.numerals = numerals;
  }

  /** A token before what is already read: `context` says whether a vowel or "to" follows. */
  read({ text, alias, tag, isHead = true }, context) {
    const word = (alias ?? text).replace(/[‘’]/g, "'").normalize("NFKC");
    const stress = word === word.toLowerCase() ? null : CAPITAL_STRESS[word === word.toUpperCase() ? "all" : "some"];
    const found = this.#word(word, tag, stress, context);
    if (found[0] !== null) return found;
    return /^-?[0-9]+(?:st|nd|rd|th)?$/.test(word) ? this.number(word, isHead) : NOTHING;
  }

  /** A whole number (after normalising there are only those of Roman numerals). */
  number(word) {
    const digits = word.match(/[0-9]+/)[0];
    const form = /[a-z]$/.test(word) ? "o" : digits.length === 4 ? "y" : "";
    const spelt = this.numerals.spell(Number(digits), form).split(/[^a-z]+/);
    const read = spelt.filter((part) => part !== "and").map((part) => this.#lookup(part, null, null, null));
    return [read.map(([phonemes]) => phonemes).join(" "), Math.min(...read.map(([, rating]) => rating))];
  }

  #special(word, tag, stress, context) {
    const lower = word.toLowerCase();
    const capital = word[0].toUpperCase() + lower.slice(1);
    const usual = word === lower || word === capital;
    if (tag === "ADD" && (word === "." || word === "/")) {
      return this.#lookup(word === "." ? "dot" : "slash", null, -0.5, context);
    }
    if (Object.hasOwn(SYMBOLS, word)) return this.#lookup(SYMBOLS[word], null, null, context);
    if (isInitialism(word)) return this.#letters(word);
    if (lower === "a") return [tag === "DT" ? "ɐ" : "ˈA", 4];
    if (lower === "am" && (usual || word === "AM")) return this.#am(word, tag, stress, context);
    if (lower === "an" && (usual || word === "AN")) {
      return word === "AN" && tag.startsWith("NN") ? this.#letters(word) : ["ɐn", 4];
    }
    if (word === "I" && tag === "PRP") return [`${SECONDARY}I`, 4];
    if (lower === "by" && (usual || word === "BY") && parent(tag) === "ADV") return ["bˈI", 4];
    if (lower === "to" && (usual || (word === "TO" && (tag === "TO" || tag === "IN")))) {
      return [context.vowel === null ? this.gold.get("to") : context.vowel ? "tʊ" : "tə", 4];
    }
    if (lower === "in" && (usual || (word === "IN" && tag !== "NNP"))) {
      return [(context.vowel === null || tag !== "IN" ? PRIMARY : "") + "ɪn", 4];
    }
    if (lower === "the" && (usual || (word === "THE" && tag === "DT")))
      return [context.vowel === true ? "ði" : "ðə", 4];
    if (tag === "IN" && /^vs\.?$/i.test(word)) return this.#lookup("versus", null, null, context);
    if (lower === "used" && (usual || word === "USED")) {
      const past = (tag === "VBD" || tag === "JJ") && context.to;
      return [this.gold.get("used")[past ? "VBD" : "DEFAULT"], 4];
    }
    return NOTHING;
  }

  #am(word, tag, stress, context) {
    if (tag.startsWith("NN")) return this.#letters(word);
    if (context.vowel === null || word !== "am" || (stress !== null && stress > 0)) return [this.gold.get("am"), 4];
    return ["ɐm", 4];
  }

  /** Letter by letter, the last one stressed. */
  #letters(word) {
    const letters = Array.from(word)
      .filter(isAlpha)
      .map((c) => this.gold.get(c.toUpperCase()));
    if (letters.includes(null)) return NOTHING;
    const phonemes = stressed(letters.join(""), 0);
    const at = phonemes.lastIndexOf(SECONDARY);
    return [at < 0 ? phonemes : phonemes.slice(0, at) + PRIMARY + phonemes.slice(at + 1), 3];
  }

  #known(word) {
    if (this.gold.has(word) || Object.hasOwn(SYMBOLS, word) || this.silver.has(word)) return true;
    if (!isAlpha(word) || !/^[A-Za-z]+$/.test(word)) return false;
    if (word.length === 1) return true;
    if (word === word.toUpperCase() && this.gold.has(word.toLowerCase())) return true;
    return word.slice(1) === word.slice(1).toUpperCase();
  }

  #lookup(word, tag, stress, context) {
    let proper = null;
    if (word === word.toUpperCase() && !this.gold.has(word)) {
      word = word.toLowerCase();
      proper = tag === "NNP";
    }
    let [phonemes, rating] = [this.gold.get(word), 4];
    if (phonemes === null && !proper) [phonemes, rating] = [this.silver.get(word), 3];
    if (phonemes !== null && typeof phonemes === "object") phonemes = ofSpeech(phonemes, tag, context);
    if (phonemes === null || (proper && !phonemes.includes(PRIMARY))) {
      const letters = this.#letters(word);
      if (letters[0] !== null) return letters;
    }
    return [stressed(phonemes, stress), rating];
  }

  #word(word, tag, stress, context) {
    const special = this.#special(word, tag, stress, context);
    if (special[0] !== null) return special;
    if (this.#lowers(word, tag, stress, context)) word = word.toLowerCase();
    if (this.#known(word)) return this.#lookup(word, tag, stress, context);
    if (word.endsWith("s'") && this.#known(`${word.slice(0, -2)}'s`)) {
      return this.#lookup(`${word.slice(0, -2)}'s`, tag, stress, context);
    }
    if (word.endsWith("'") && this.#known(word.slice(0, -1))) {
      return this.#lookup(word.slice(0, -1), tag, stress, context);
    }
    for (const ending of [this.#s, this.#ed, this.#ing]) {
      const weak = ending === this.#ing && stress === null ? 0.5 : stress;
      const found = ending.call(this, word, tag, weak, context);
      if (found[0] !== null) return found;
    }
    return NOTHING;
  }

  /** Is a capitalised word the same as in small letters? */
  #lowers(word, tag, stress, context) {
    const lower = word.toLowerCase();
    const plain = word.length > 1 && isAlpha(word.replaceAll("'", "")) && word !== lower;
    if (!plain || !(tag !== "NNP" || word.length > 7) || this.gold.has(word) || this.silver.has(word)) return false;
    if (word !== word.toUpperCase() && word.slice(1) !== word.slice(1).toLowerCase()) return false;
    if (this.gold.has(lower) || this.silver.has(lower)) return true;
    return [this.#s, this.#ed, this.#ing].some((ending) => ending.call(this, lower, tag, stress, context)[0]);
  }

  #s(word, tag, stress, context) {
    if (word.length < 3 || !word.endsWith("s")) return NOTHING;
    const es = word.length > 4 && word.endsWith("es") && !word.endsWith("ies");
    let stem = null;
    if (!word.endsWith("ss") && this.#known(word.slice(0, -1))) stem = word.slice(0, -1);
    else if ((word.endsWith("'s") || es) && this.#known(word.slice(0, -2))) stem = word.slice(0, -2);
    else if (word.length > 4 && word.endsWith("ies") && this.#known(`${word.slice(0, -3)}y`))
      stem = `${word.slice(0, -3)}y`;
    if (stem === null) return NOTHING;
    const [phonemes, rating] = this.#lookup(stem, tag, stress, context);
    return [phonemes && this.#withS(phonemes), rating];
  }

  #withS(stem) {
    if ("ptkfθ".includes(stem.at(-1))) return `${stem}s`;
    return stem + ("szʃʒʧʤ".includes(stem.at(-1)) ? (this.british ? "ɪz" : "ᵻz") : "z");
  }

  #ed(word, tag, stress, context) {
    if (word.length < 4 || !word.endsWith("d")) return NOTHING;
    let stem = null;
    if (!word.endsWith("dd") && this.#known(word.slice(0, -1))) stem = word.slice(0, -1);
    else if (word.length > 4 && word.endsWith("ed") && !word.endsWith("eed") && this.#known(word.slice(0, -2))) {
      stem = word.slice(0, -2);
    }
    if (stem === null) return NOTHING;
    const [phonemes, rating] = this.#lookup(stem, tag, stress, context);
    return [phonemes && this.#withEd(phonemes), rating];
  }

  #withEd(stem) {
    const [before, end] = [stem.at(-2), stem.at(-1)];
    if ("pkfθʃsʧ".includes(end)) return `${stem}t`;
    if (end === "d") return stem + (this.british ? "ɪd" : "ᵻd");
    if (end !== "t") return `${stem}d`;
    if (this.british || stem.length < 2) return `${stem}ɪd`;
    return TAPPING.has(before) ? `${stem.slice(0, -1)}ɾᵻd` : `${stem}ᵻd`;
  }

  #ing(word, tag, stress, context) {
    if (word.length < 5 || !word.endsWith("ing")) return NOTHING;
    const doubled = /([bcdgklmnprstvxz])\1ing$|cking$/.test(word);
    let stem = null;
    if (word.length > 5 && this.#known(word.slice(0, -3))) stem = word.slice(0, -3);
    else if (this.#known(`${word.slice(0, -3)}e`)) stem = `${word.slice(0, -3)}e`;
    else if (word.length > 5 && doubled && this.#known(word.slice(0, -4))) stem = word.slice(0, -4);
    if (stem === null) return NOTHING;
    const [phonemes, rating] = this.#lookup(stem, tag, stress, context);
    return [phonemes && this.#withIng(phonemes), rating];
  }

  #withIng(stem) {
    if (this.british && "əː".includes(stem.at(-1))) return null;
    const taps = !this.british && stem.length > 1 && stem.at(-1) === "t" && TAPPING.has(stem.at(-2));
    return taps ? `${stem.slice(0, -1)}ɾɪŋ` : `${stem}ɪŋ`;
  }
}

/** U.S., e.g. — letters with stops between, none of them a word. */
function isInitialism(word) {
  const inner = word.replace(/^\.+|\.+$/g, "");
  return inner.includes(".") && isAlpha(word.replaceAll(".", "")) && word.split(".").every((part) => part.length < 3);
}

/** The reading of a homograph by its part of speech, or at the end of a sentence. */
function ofSpeech(readings, tag, context) {
  if (context && context.vowel === null && "None" in readings) tag = "None";
  else if (!(tag in readings)) tag = parent(tag);
  return tag in readings ? readings[tag] : readings.DEFAULT;
}
