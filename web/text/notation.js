// The one notation that phonemes end in: voiceloom_model.text.notation in JavaScript.

export const NOTATION = "2";
const DASH = /\s*(?:[—–―]|\s-+\s)\s*/gu;

/** A function phonemes → phonemes in NFD, punctuation attached to words, stress marks before vowels. */
export function notation({ vowels, maps }) {
  const early = new RegExp(`([ˈˌ])([^${vowels}ˈˌ\\s]+)(?=[${vowels}])`, "gu");
  return (phonemes) => {
    let text = phonemes.normalize("NFD");
    for (const map of maps) text = Array.from(text, (letter) => map[letter] ?? letter).join("");
    text = text
      .replace(DASH, ", ")
      .replace(/\.{2,}/g, "…")
      .replace(/\s+(?=[.,!?;:…])/gu, "");
    text = text.replace(/([.!?;:…,]),+/gu, "$1").replace(/([.,!?;:…])(?=[^\s\p{Nd}.,!?;:…])/gu, "$1 ");
    return text
      .replace(early, "$2$1")
      .split(/\s+/u)
      .filter(Boolean)
      .join(" ")
      .replace(/^[ ,]+|[ ,]+$/g, "");
  };
}
