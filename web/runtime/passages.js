// Long text in passages that a voice can speak in one go: voiceloom_model.runtime.passages in JavaScript.

/** How many letters are spoken in the time of one wide character (Han, kana, Hangul). */
const WIDE = 4;
const WIDE_LETTER = new RegExp(
  "[\\u1100-\\u115f\\u2e80-\\u303e\\u3041-\\ua4cf\\ua960-\\ua97f\\uac00-\\ud7a3\\uf900-\\ufaff\\ufe10-\\ufe19" +
    "\\ufe30-\\ufe6f\\uff01-\\uff60\\uffe0-\\uffe6\\u{16fe0}-\\u{1b2ff}\\u{20000}-\\u{3fffd}\\p{Emoji_Presentation}]",
  "u",
);
const EMPTY_LINE = /\n\s*\n/gu;
/** Where to divide, best first: after a sentence, after a clause, between words. */
const BOUNDARIES = [
  /(?<=[.!?…])["'”’)\]]*\s+|(?<=[。！？])[”’」』）]*\s*/gu,
  /(?<=[,;:—–])\s+|(?<=[，、；：])\s*/gu,
  /\s+/gu,
];

/** `text` in passages of at most `limit` characters, wide ones counting more; paragraphs are never joined. */
export function passages(text, limit) {
  return between(text, EMPTY_LINE).flatMap((part) => divided(part.replace(/\s+/gu, " "), limit, BOUNDARIES));
}

function divided(text, limit, [boundary, ...rest]) {
  if (length(text) <= limit) return [text];
  if (boundary) return packed(between(text, boundary), limit).flatMap((part) => divided(part, limit, rest));
  const letters = [...text];
  const size = Math.max(1, Math.floor(limit / (length(text) > letters.length ? WIDE : 1)));
  const starts = Array.from({ length: Math.ceil(letters.length / size) }, (_, at) => at * size);
  return starts.map((start) => letters.slice(start, start + size).join(""));
}

const isWide = (letter) => WIDE_LETTER.test(letter);
const length = (text) => Array.from(text).reduce((sum, letter) => sum + (isWide(letter) ? WIDE : 1), 0);

/** What lies between the boundaries, empty stretches left out; marks that close a sentence stay with it. */
function between(text, boundary) {
  const ends = [...text.matchAll(boundary)].map((match) => match.index + match[0].length);
  const parts = [...ends, text.length].map((end, at) => text.slice(at ? ends[at - 1] : 0, end).trim());
  return parts.filter(Boolean);
}

/** Neighbours joined as long as they fit. */
function packed(parts, limit) {
  return parts.reduce((joined, part) => {
    const before = joined.at(-1);
    const last = before && [...before].at(-1);
    const gap = before && isWide(last) && !/[가-힣]/u.test(last) ? "" : " "; // Korean is wide, but has spaces
    const both = before && before + gap + part;
    return both && length(both) <= limit ? [...joined.slice(0, -1), both] : [...joined, part];
  }, []);
}
