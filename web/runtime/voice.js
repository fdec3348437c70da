// A voice that speaks in the browser: text to phonemes to sound with onnxruntime-web.

import { FrontEnd } from "../text/front-end.js";
import { guesser } from "../text/guess.js";
import { Symbols } from "../text/symbols.js";
import { Files, loadManifest } from "./loader.js";
import { Network } from "./network.js";
import { passages } from "./passages.js";
import { framesOfTokens, isSpoken, sounds, words } from "./sounds.js";

const ENGINE = "ort-wasm-simd-threaded.wasm";
const GRAPHS = ["encoder.onnx", "decoder.onnx"];
const SPEEDS = [0.25, 4];

/** A loaded voice. The same text, speaker, speed and seed give the same sound as the Python runtime: samples within 1e-3
 * or, where a last bit decides how the phase of pulses is rounded, phases within a few 1/4096 of a cycle. */
export class Voice {
  /** Load what page.json beside `base` lists; `report(loaded, total)` follows the bytes. */
  static async load(ort, base, report) {
    const manifest = await loadManifest(base);
    const files = new Files(base, manifest, report);
    const language = manifest.voice.speakers[manifest.voice.default_speaker].language;
    files.expect([ENGINE, ...GRAPHS, ...Object.values(manifest.front_ends[language] ?? {})]);
    ort.env.wasm.wasmBinary = await files.bytes(ENGINE);
    const open = async (name) => ort.InferenceSession.create(new Uint8Array(await files.bytes(name)));
    const [encoder, decoder] = [await open(GRAPHS[0]), await open(GRAPHS[1])];
    const voice = new Voice({ ort, manifest, files, open }, encoder, decoder);
    if (manifest.front_ends[language]) await voice.#frontEnd(language);
    return voice;
  }

  constructor({ ort, manifest, files, open }, encoder, decoder) {
    Object.assign(this, { ort, manifest, files, open });
    this.description = manifest.voice;
    this.symbols = new Symbols(manifest.symbols, manifest.stress_marks);
    this.network = new Network(encoder, decoder, manifest, (session, feeds) => this.#run(session, feeds));
    this.frontEnds = new Map();
  }

  /** Passages of speech one after the other, window by window: {passage: {phonemes, words, …}} then {samples} …
   *
   * `input` is {text, isPhonemes, language, speaker, speed, seed}. Throws an Error with one sentence for what cannot
   * be said.
   */
  async *speak(input) {
    const manner = this.#manner(input);
    let begun = false;
    for await (const reading of this.#readings(input, manner.language)) {
      const tokens = this.symbols.encode(reading.phonemes);
      if (!isSpoken(tokens)) continue;
      if (begun)
        yield { samples: new Float32Array(Math.round(this.manifest.pause_s * this.description.sample_rate_hz)) };
      begun = true;
      const plan = await this.network.plan(this.symbols.laidOut(tokens, this.description.layout), manner);
      yield { passage: this.#timed(reading, tokens, plan) };
      for await (const samples of this.network.sound(plan)) yield { samples };
    }
    if (!begun) throw new Error("There is nothing to say in this text.");
  }

  /** Phonemes and words of each passage. */
  async *#readings({ text, isPhonemes }, language) {
    if (isPhonemes) {
      yield* this.#given(text.normalize("NFD"));
      return;
    }
    const frontEnd = await this.#frontEnd(language);
    for (const passage of passages(text, this.manifest.passage_characters)) {
      yield await frontEnd.read(passage);
    }
  }

  /** Phonemes as they were typed. */
  *#given(text) {
    const [unknown] = this.symbols.unknown(text.replace(/\s/gu, " "));
    if (unknown) throw new Error(`“${unknown}” is none of the phonemes that this voice knows.`);
    for (const phonemes of passages(text, this.manifest.passage_characters)) yield { phonemes, words: [] };
  }

  #manner({ speaker, language, speed, seed }) {
    const name = speaker ?? this.description.default_speaker;
    const known = this.description.speakers[name];
    if (!known) throw new Error(`There is no speaker “${name}” in this voice.`);
    if (!(speed >= SPEEDS[0] && speed <= SPEEDS[1]))
      throw new Error(`The speed goes from ${SPEEDS[0]} to ${SPEEDS[1]}.`);
    if (!Number.isSafeInteger(seed) || seed < 0) throw new Error("The seed is a whole number from 0 on.");
    language ??= known.language;
    const languageId = this.manifest.language_ids[language];
    if (languageId === undefined) throw new Error(`This voice does not speak ${language}.`);
    return { language, languageId, speed, seed, speaker: Float32Array.from(known.embedding) };
  }

  /** A passage with times in frames from its own beginning. */
  #timed(reading, tokens, plan) {
    const frames = framesOfTokens(tokens, plan.durations, this.description.layout);
    const phonemes = sounds(tokens, frames);
    return { ipa: reading.phonemes, frames: plan.frames, phonemes, words: words(phonemes, reading.words) };
  }

  /** The front end of a language, loaded when it is first needed. */
  async #frontEnd(language) {
    const names = this.manifest.front_ends[language];
    if (!names) throw new Error(`This page cannot read ${language} text; give it phonemes (IPA) instead.`);
    if (!this.frontEnds.has(language)) {
      this.files.expect(Object.values(names));
      const tables = await this.files.json(names.data);
      const network = await this.open(names.network);
      const run = async (ids) => {
        const output = await this.#run(network, { chars: ["int64", ids, [1, ids.length]] });
        return Array.from(Object.values(output)[0].data, Number);
      };
      this.frontEnds.set(language, new FrontEnd(tables, this.manifest.lexicon, guesser(tables.network, run)));
    }
    return this.frontEnds.get(language);
  }

  /** Run a session on what it takes of the feeds. */
  #run(session, feeds) {
    const taken = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name));
    const tensors = taken.map(([name, [type, data, dims]]) => {
      return [name, new this.ort.Tensor(type, type === "int64" ? BigInt64Array.from(data, BigInt) : data, dims)];
    });
    return session.run(Object.fromEntries(tensors));
  }
}
