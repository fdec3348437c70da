// Unknown words by a small network of characters; its output repeats sounds and holds blanks, as CTC's does.

/** A function word → promise of phonemes or null; `run` is word ids → promise of the network's output ids. */
export function guesser({ in: letters, out: sounds, maxlen }, run) {
  const ids = new Map(letters.map((letter, at) => [letter, at + 1]));
  return async (word) => {
    const known = Array.from(word)
      .filter((letter) => ids.has(letter))
      .map((letter) => ids.get(letter));
    if (!known.length) return null;
    const output = await run(known.slice(0, maxlen));
    return output
      .filter((id, at) => id !== 0 && id !== (output[at - 1] ?? 0))
      .map((id) => sounds[id - 1])
      .join("");
  };
}
