// The user's own pronunciations, which win over every front end: voiceloom_model.text.lexicon in JavaScript.

const ONE_EACH = "[\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u3007\\u3040-\\u30ff\\u3400-\\u9fff\\uf900-\\ufaff]";
const TOKEN = new RegExp(`${ONE_EACH}|(?:(?!${ONE_EACH})[\\p{L}\\p{M}\\p{N}])+|[^\\p{L}\\p{N}_\\s]`, "gu");
const folded = (text) => text.toLowerCase().replaceAll("ß", "ss");

/** The entries of a bundle's lexicon.tsv, found by their first token. */
export class Lexicon {
  constructor(entries) {
    const longest = (one, other) =>
      other.tokens.length - one.tokens.length || other.language.length - one.language.length;
    this.first = new Map();
    for (const entry of [...entries].sort(longest)) {
      const key = folded(entry.tokens[0]);
      if (!this.first.has(key)) this.first.set(key, []);
      this.first.get(key).push(entry);
    }
  }

  /** `text` cut at its entries: [{text, entry?}]; with `spoken` false only those that normalising would change. */
  pieces(text, language, spoken = true) {
    const tokens = this.first.size ? [...text.matchAll(TOKEN)] : [];
    const found = [];
    let end = 0;
    for (let at = 0; at < tokens.length;) {
      const entry = this.#longest(tokens, at, language, spoken);
      if (!entry) {
        at += 1;
        continue;
      }
      const last = tokens[at + entry.tokens.length - 1];
      const [start, stop] = [tokens[at].index, last.index + last[0].length];
      if (start > end) found.push({ text: text.slice(end, start) });
      found.push({ text: text.slice(start, stop), entry });
      end = stop;
      at += entry.tokens.length;
    }
    return end < text.length ? [...found, { text: text.slice(end) }] : found;
  }

  #longest(tokens, at, language, spoken) {
    return this.first.get(folded(tokens[at][0]))?.find((entry) => {
      const here = tokens.slice(at, at + entry.tokens.length).map(([token]) => token);
      return holdsFor(entry.language, language) && (spoken || !isSpoken(entry)) && same(here, entry);
    });
  }
}

function holdsFor(wanted, language) {
  return !wanted || `${language.toLowerCase()}-`.startsWith(`${wanted.toLowerCase()}-`);
}

/** Whether normalising leaves the entry's word alone. */
const isSpoken = ({ word }) => /^[\p{L}\p{M}' -]*$/u.test(word);

function same(tokens, entry) {
  const exact = entry.tokens.some((token) => token.slice(1) !== token.slice(1).toLowerCase());
  if (tokens.length !== entry.tokens.length) return false;
  return tokens.every((token, at) => (exact ? token === entry.tokens[at] : folded(token) === folded(entry.tokens[at])));
}
