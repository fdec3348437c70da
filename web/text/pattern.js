// Python's regular expressions as JavaScript's: same matches for text without line breaks.
// Python's \w, \d and \b know every script, JavaScript's only ASCII; the classes are written out here.

const WORD = "\\p{L}\\p{N}_";
const INSIDE = { w: WORD, d: "\\p{Nd}", s: "\\s", D: "\\P{Nd}", S: "\\S" };
const OUTSIDE = {
  w: `[${WORD}]`,
  W: `[^${WORD}]`,
  d: "\\p{Nd}",
  D: "\\P{Nd}",
  b: `(?:(?<=[${WORD}])(?![${WORD}])|(?<![${WORD}])(?=[${WORD}]))`,
};
// A class that subtracts from \w, which the u flag cannot say: its letters and numbers.
const LETTERS = [
  [/\[\^\\W\\d_\]/g, "[\\p{L}\\p{Nl}\\p{No}]"],
  [/\[\^\\W\\d\]/g, "[\\p{L}\\p{Nl}\\p{No}_]"],
  [/\[\^\\W_\]/g, "[\\p{L}\\p{N}]"],
];
const SYNTAX = "^$\\.*+?()[]{}|/";

/** A RegExp for a pattern as Python writes it. */
export function pattern(source, flags = "") {
  for (const [python, ours] of LETTERS) source = source.replace(python, ours);
  return new RegExp(translated(source.replaceAll("(?P<", "(?<")), `u${flags}`);
}

/** A pattern of any of the words, the longest first. */
export function alternatives(words) {
  return (
    [...words]
      .sort((one, other) => other.length - one.length)
      .map(escaped)
      .join("|") || "(?!)"
  );
}

/** `text` as a pattern that matches itself. */
export function escaped(text) {
  return text.replace(/[\^$\\.*+?()[\]{}|/]/gu, "\\$&");
}

function translated(source) {
  let result = "";
  let inClass = false;
  for (let at = 0; at < source.length; at++) {
    const letter = source[at];
    if (letter !== "\\") {
      if (letter === "[" && inClass) result += "\\[";
      else result += letter;
      if (letter === "[") inClass = true;
      else if (letter === "]") inClass = false;
      continue;
    }
    at += 1;
    const next = source[at];
    if (next === "p" || next === "P") {
      const end = source.indexOf("}", at);
      result += source.slice(at - 1, end + 1);
      at = end;
    } else {
      result += (inClass ? INSIDE : OUTSIDE)[next] ?? unescaped(next, inClass);
    }
  }
  return result;
}

/** An escape as the u flag allows it: it refuses those that Python writes before a plain character. */
function unescaped(letter, inClass) {
  if (/[A-Za-z0-9]/.test(letter)) return `\\${letter}`;
  return SYNTAX.includes(letter) || (inClass && letter === "-") ? `\\${letter}` : letter;
}

/** Is every character of `text` a letter, and is there one? (Python's isalpha) */
export const isAlpha = (text) => /^\p{L}+$/u.test(text);
/** Python's isalnum. */
export const isAlnum = (text) => /^[\p{L}\p{N}]+$/u.test(text);
/** Python's isdecimal. */
export const isDecimal = (text) => /^\p{Nd}+$/u.test(text);
/** Python's isupper of one character. */
export const isUpper = (text) => text !== "" && text === text.toUpperCase() && text !== text.toLowerCase();
/** Python's islower of one character. */
export const isLower = (text) => text !== "" && text === text.toLowerCase() && text !== text.toUpperCase();
/** Python's str.split() without arguments. */
export const words = (text) => text.split(/\s+/u).filter(Boolean);

/** Python's str.rpartition. */
export function rpartition(text, mark) {
  const at = text.lastIndexOf(mark);
  return at < 0 ? ["", "", text] : [text.slice(0, at), mark, text.slice(at + mark.length)];
}
