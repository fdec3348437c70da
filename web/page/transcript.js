// What is spoken in words and phonemes: the text to click on, and the table of times.

/** Words to click on; `go` is called with a time. */
export class Transcript {
  #words = [];
  #current = null;

  constructor(place, go) {
    this.place = place;
    place.addEventListener("click", (event) => {
      const word = event.target.closest(".word");
      if (word) go(Number(word.dataset.start));
    });
  }

  clear() {
    this.place.replaceChildren();
    [this.#words, this.#current] = [[], null];
  }

  /** The words of a passage: [{text, phonemes, start, end, guessed}]. */
  add(words) {
    if (this.#words.length) this.place.append(element("span", "", "break"));
    for (const word of words) {
      const button = element("button", "", `word${word.guessed ? " guessed" : ""}`);
      button.type = "button";
      button.dataset.start = word.start;
      button.dataset.end = word.end;
      if (word.guessed) button.title = "Not in the lexicon: its sounds are a guess";
      if (word.text) button.append(element("span", word.text));
      button.append(element("span", word.phonemes, "ipa"));
      this.place.append(button);
      this.#words.push({ ...word, button });
    }
  }

  /** Mark the word that sounds at a time. */
  follow(time, moves) {
    const word = at(this.#words, time);
    if (word === this.#current) return;
    this.#current?.button.classList.remove("now");
    word?.button.classList.add("now");
    this.#current = word;
    if (word && moves) keepInView(this.place, word.button);
  }
}

/** Scrolls the place, never the page. */
function keepInView(place, button) {
  const below = button.offsetTop;
  if (below < place.scrollTop || below + button.offsetHeight > place.scrollTop + place.clientHeight) {
    place.scrollTop = below - place.clientHeight / 3;
  }
}

/** The segment that a time lies in, of segments in order. */
export function at(segments, time) {
  let [low, high] = [0, segments.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (segments[middle].start <= time) low = middle;
    else high = middle - 1;
  }
  const found = segments[low];
  return found && found.start <= time && time < found.end ? found : null;
}

/** Rows of a table: phoneme, its word, from, to. */
export function timesTable(body, phonemes, words) {
  const rows = phonemes.map(({ text, start, end }) => {
    const word = at(words, start);
    const row = document.createElement("tr");
    row.append(...[text, word?.text ?? "", start.toFixed(3), end.toFixed(3)].map((cell) => element("td", cell)));
    return row;
  });
  body.replaceChildren(...rows);
}

/** Times as lines of from, to and phoneme, as Audacity reads labels. */
export function labelFile(phonemes) {
  const lines = phonemes.map(({ text, start, end }) => `${start.toFixed(4)}\t${end.toFixed(4)}\t${text}\n`);
  return new Blob(lines, { type: "text/tab-separated-values" });
}

function element(name, text, classes = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (classes) made.className = classes;
  return made;
}
