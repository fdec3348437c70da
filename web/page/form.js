// What a person types and chooses.

const SEEDS = 1e6;
const HINTS = {
  text: "Ctrl + Enter speaks.",
  phonemes: "Write IPA, words apart by spaces, ˈ before a stressed vowel.",
};
const LABELS = { text: "Text to speak", phonemes: "Phonemes to speak" };

/** Writes a text where it is another: what reads the page aloud is not told twice. */
export function setText(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

/** The form: text or phonemes, speaker, language, speed and seed; `$` finds elements by their id. */
export class Form {
  #voice = null;
  #shown = "text"; // what stands in the field; the other lies in its draft
  #drafts = { text: "", phonemes: "" };

  constructor($) {
    this.$ = $;
    setText($("hint"), HINTS.text);
    $("speed").addEventListener("input", () => setText($("speed-value"), `${Number($("speed").value).toFixed(2)}×`));
    $("dice").addEventListener("click", () => ($("seed").value = Math.floor(Math.random() * SEEDS)));
    $("language").addEventListener("change", () => this.#changeLanguage());
    $("form").addEventListener("change", ({ target }) => target.name === "mode" && this.#changeMode());
    $("speaker").addEventListener("change", () => {
      $("language").value = this.#speakerLanguage();
      this.#changeLanguage();
    });
  }

  /** Offer what a voice has. */
  set voice(voice) {
    this.#voice = voice;
    const names = voice.speakers.map(({ name }) => name);
    fill(this.$("speaker"), names, voice.default_speaker);
    fill(this.$("language"), voice.languages, this.#speakerLanguage());
    this.$("language-choice").hidden = voice.languages.length < 2;
    this.$("speak").disabled = false;
    this.#changeLanguage();
  }

  /** What the worker is asked to speak. */
  get input() {
    return {
      text: this.$("text").value,
      isPhonemes: this.#shown === "phonemes",
      speaker: this.$("speaker").value,
      language: this.$("language").value,
      speed: Number(this.$("speed").value),
      seed: Number(this.$("seed").value),
    };
  }

  /** Phonemes of spoken text become the draft of phonemes, to be changed by hand; null begins anew. */
  keep(ipa) {
    if (this.#shown === "text") this.#drafts.phonemes = ipa === null ? "" : `${this.#drafts.phonemes} ${ipa}`.trim();
  }

  get #mode() {
    return new FormData(this.$("form")).get("mode");
  }

  #speakerLanguage() {
    return this.#voice.speakers.find(({ name }) => name === this.$("speaker").value)?.language;
  }

  /** Text in a language that the page cannot read has to be phonemes. */
  #changeLanguage() {
    const language = this.$("language").value;
    const reads = this.#voice.readable.includes(language);
    const [text, phonemes] = this.$("form").querySelectorAll('[name="mode"]');
    text.disabled = !reads;
    if (!reads) phonemes.checked = true;
    this.#changeMode();
    if (!reads) setText(this.$("hint"), `This page speaks ${language} from phonemes alone. ${HINTS.phonemes}`);
  }

  #changeMode() {
    const mode = this.#mode;
    const field = this.$("text");
    if (this.#shown !== mode) {
      this.#drafts[this.#shown] = field.value;
      field.value = this.#drafts[mode];
      this.#shown = mode;
    }
    field.spellcheck = mode === "text";
    setText(this.$("text-label"), LABELS[mode]);
    setText(this.$("hint"), HINTS[mode]);
  }
}

function fill(select, names, chosen) {
  select.replaceChildren(...names.map((name) => new Option(name, name, false, name === chosen)));
  select.disabled = false;
}
