// When a phoneme and a word sound: voiceloom_model.runtime.speech in JavaScript.

const MARK = /[\p{Lm}\p{Mn}\p{Nd}\p{Sk}\p{Sm}]/u; // length, tone, nasality: what changes the phoneme before it

/** Phonemes in frames, [{text, start, end, word}], of tokens and their frames; `word` counts the spaces before. */
export function sounds({ texts, stress, marks }, frames) {
  const found = [];
  let [end, word, open] = [0, 0, null];
  texts.forEach((symbol, at) => {
    const start = end;
    end += frames[at];
    if (open && MARK.test(symbol)) {
      open.text += symbol;
      open.end = end;
      return;
    }
    open = /\p{L}/u.test(symbol) ? { text: (marks[stress[at]] ?? "") + symbol, start, end, word } : null;
    if (open) found.push(open);
    word += symbol === " " ? 1 : 0;
  });
  return found;
}

/** Is there anything to say in tokens? */
export const isSpoken = (tokens) =>
  sounds(
    tokens,
    tokens.ids.map(() => 1),
  ).length > 0;

/** Frames of each token of `encode` from those of the tokens as laid out. */
export function framesOfTokens({ stress }, durations, layout) {
  if (layout !== "spread") return durations;
  let at = 0;
  return stress.map((level) => {
    const size = level ? 4 : 2;
    const frames = durations.slice(at, at + size).reduce((sum, value) => sum + value, 0);
    at += size;
    return frames;
  });
}

/** Words with times, [{text, phonemes, start, end}]: names are {text}, "" where one goes on from the one before. */
export function words(sounds, names) {
  const stretches = new Map();
  for (const sound of sounds) stretches.set(sound.word, [...(stretches.get(sound.word) ?? []), sound]);
  const found = [];
  let at = 0;
  for (const stretch of stretches.values()) {
    const name = names.length === stretches.size ? names[at] : null;
    const heard = {
      phonemes: stretch.map(({ text }) => text).join(""),
      start: stretch[0].start,
      end: stretch.at(-1).end,
    };
    if (name && !name.text && found.length) {
      const before = found.at(-1);
      Object.assign(before, { phonemes: `${before.phonemes} ${heard.phonemes}`, end: heard.end });
    } else {
      found.push({ text: name?.text ?? "", guessed: Boolean(name?.guessed), ...heard });
    }
    at += 1;
  }
  return found;
}
