// Text to phonemes for one language, as voiceloom_model.text.phonemize does it.

import { English, given, VERSION } from "./english.js";
import { Lexicon } from "./lexicon.js";
import { NORMALISER, normaliser } from "./normalise.js";
import { NOTATION, notation } from "./notation.js";

const APOSTROPHES = /[’‘ʼ`´]/g;

/** Reads one language by its packed tables; `guess` reads unknown words: word → promise of phonemes or null. */
export class FrontEnd {
  constructor(tables, lexicon, guess) {
    checkVersions(tables.identity);
    this.language = tables.language;
    this.lexicon = new Lexicon(lexicon);
    this.normalise = normaliser(tables.rules, tables.clean);
    this.notation = notation(tables.notation);
    this.english = new English(tables, guess);
  }

  /** {phonemes, words}: IPA in one notation, and its words as [{text, phonemes, guessed}]. */
  async read(text) {
    const plain = text.normalize("NFC").replace(APOSTROPHES, "'");
    const pieces = this.lexicon.pieces(plain, this.language, false).flatMap((piece) => this.#spoken(piece));
    const written = pieces.map((piece) => (piece.entry ? given(piece.text, piece.entry.phonemes) : piece.text));
    const reading = await this.english.read(written.join(""));
    const phonemes = this.notation(reading.phonemes);
    return { phonemes, words: paired(phonemes.split(" "), reading.words, this.notation) };
  }

  /** A stretch without an entry: normalised, and cut at the entries that it holds then. */
  #spoken(piece) {
    if (piece.entry) return [piece];
    const [lead, trail] = [/^\s/.test(piece.text), /\s$/.test(piece.text)].map((space) => (space ? " " : ""));
    const spoken = this.normalise(piece.text).replace(APOSTROPHES, "'").trim();
    return this.lexicon.pieces(lead + spoken + trail, this.language);
  }
}

/** The words as they are written beside their phonemes; where the two cannot be paired, phonemes alone. */
function paired(phonemes, words, notation) {
  const texts = [];
  for (const word of words) {
    const count = notation(word.phonemes).split(" ").filter(Boolean).length;
    if (!count && texts.length) texts.at(-1).text += ` ${word.text}`;
    for (let at = 0; at < count; at++) texts.push({ text: at ? "" : word.text, guessed: Boolean(word.guessed) });
  }
  const fits = texts.length === phonemes.length;
  return phonemes.map((ipa, at) => ({
    text: fits ? texts[at].text : "",
    guessed: fits && texts[at].guessed,
    phonemes: ipa,
  }));
}

function checkVersions({ version, normaliser: readings, notation: marks }) {
  const [found, own] = [`${version}, ${readings}, ${marks}`, `${VERSION}, ${NORMALISER}, ${NOTATION}`];
  if (found !== own)
    throw new Error(`The text rules of this voice are version ${found}; this page reads version ${own}.`);
}
