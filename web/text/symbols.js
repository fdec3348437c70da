// Phonemes to ids in a voice's layout: voiceloom_model.text.symbols and layout in JavaScript.

const CONTROL = "_^$";

/** The table of symbols of a voice. */
export class Symbols {
  constructor(ids, stressMarks) {
    this.levels = new Map(Object.entries(stressMarks));
    /** Stress level → mark. */
    this.marks = Object.fromEntries(Object.entries(stressMarks).map(([mark, level]) => [level, mark]));
    this.control = { pad: ids._, start: ids["^"], end: ids.$ };
    this.markIds = Object.fromEntries(Object.entries(stressMarks).map(([mark, level]) => [level, ids[mark]]));
    const spoken = Object.entries(ids).filter(([symbol]) => !CONTROL.includes(symbol) && !this.levels.has(symbol));
    this.ids = new Map([...spoken, ["…", ids["."]], ["g", ids["ɡ"]]]);
  }

  /** {ids, stress, texts, marks} between start and end marks; a stress mark falls on the token after it. */
  encode(phonemes) {
    const tokens = { ids: [this.control.start], stress: [0], texts: [""], marks: this.marks };
    let level = 0;
    for (const symbol of phonemes) {
      if (this.levels.has(symbol)) {
        level = this.levels.get(symbol);
      } else if (this.ids.has(symbol)) {
        add(tokens, this.ids.get(symbol), level, symbol);
        level = 0;
      }
    }
    return add(tokens, this.control.end, 0, "");
  }

  /** The symbols that `encode` leaves out, each once. */
  unknown(phonemes) {
    const missing = Array.from(phonemes).filter((symbol) => !this.ids.has(symbol) && !this.levels.has(symbol));
    return [...new Set(missing)];
  }

  /** {ids, stress} in a layout: "compact" as they are; "spread" with marks as tokens and a pad between all. */
  laidOut({ ids, stress }, layout) {
    if (layout !== "spread") return { ids, stress };
    const marked = ids.flatMap((id, at) => (stress[at] ? [this.markIds[stress[at]], id] : [id]));
    const spread = marked.flatMap((id, at) => (at ? [this.control.pad, id] : [id]));
    return { ids: spread, stress: spread.map(() => 0) };
  }
}

function add(tokens, id, level, text) {
  tokens.ids.push(id);
  tokens.stress.push(level);
  tokens.texts.push(text);
  return tokens;
}
