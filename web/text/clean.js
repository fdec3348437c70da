// One spelling for what looks and sounds alike: voiceloom_model.text.normalise.clean in JavaScript.

const POWER = /(?<=[0-9])(?:[⁰¹⁴-⁹][⁰¹²³⁴-⁹]*|[²³][⁰¹²³⁴-⁹]+)/gu;
const PLAIN_ASCII = /^[ -~]*$/;

/** A function text → text in NFC, compatibility forms resolved, invisible characters gone, spaces single. */
export function cleaner(tables) {
  const invisible = new Set(tables.invisible.map((code) => String.fromCodePoint(code)));
  const kept = new Set(tables.kept);
  return (text) => {
    if (PLAIN_ASCII.test(text) && !text.includes("  ")) return text.trim();
    text = text.normalize("NFC").replace(POWER, (match) => `^${match.normalize("NFKC")}`);
    const letters = Array.from(text, (letter) => {
      if (invisible.has(letter)) return "";
      return Array.from(tables.plain[letter] ?? letter, (plain) => compatible(plain, kept)).join("");
    });
    return letters.join("").normalize("NFC").split(/\s+/u).filter(Boolean).join(" ");
  };
}

/** The plain form of one character; digits of every script become 0-9. */
function compatible(letter, kept) {
  if (letter <= "\x7f" || kept.has(letter)) return letter;
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(letter)) return " ";
  return /\p{Nd}/u.test(letter) ? String(digit(letter)) : letter.normalize("NFKC");
}

/** The value of a decimal digit of any script: the digits of one stand in a row of ten. */
function digit(letter) {
  const code = letter.codePointAt(0);
  let zero = code;
  while (code - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
  return code - zero;
}
