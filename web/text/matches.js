// Replacing as the normaliser does it: what is read never grows together with a letter beside it.

import { isAlnum, pattern } from "./pattern.js";

const compiled = new Map();

/** A global RegExp of a Python pattern, made once. */
export function global(source) {
  if (!compiled.has(source)) compiled.set(source, pattern(source, "g"));
  return compiled.get(source);
}

/** `text` with the matches of a Python pattern as `reader` reads them (null: left alone). */
export function replace(source, reader, text) {
  return text.replace(global(source), (...found) => {
    const match = describe(found);
    const words = reader(match);
    if (words === null) return match.text;
    const head = isAlnum(first(words)) && isAlnum(last(match.before));
    const tail = isAlnum(last(words)) && isAlnum(first(match.after));
    return (head ? " " : "") + words + (tail ? " " : "");
  });
}

/** What String.replace hands over: text, groups, what stands before and after. */
function describe(found) {
  const groups = typeof found.at(-1) === "object" ? found.pop() : {};
  const [string, at] = [found.pop(), found.pop()];
  const text = found[0];
  return { text, groups, parts: found.slice(1), before: string.slice(0, at), after: string.slice(at + text.length) };
}

export const first = (text) => (text ? String.fromCodePoint(text.codePointAt(0)) : "");

export function last(text) {
  const low = text.charCodeAt(text.length - 1);
  return low >= 0xdc00 && low <= 0xdfff ? text.slice(-2) : text.slice(-1);
}
