// The voice in a thread of its own, so that the page stays at hand while it speaks.
// In: {type: "load", base, threads}, {type: "speak", id, input}, {type: "stop"}. Out: "progress", "ready", then
// "samples", "passage" and "done" of an id, or "error" with a sentence.

import { melSpectrogram } from "./mel.js";
import { Voice } from "./voice.js";

let voice = null;
let current = null;
const post = (message, transfer = []) => self.postMessage(message, transfer);

self.onmessage = async ({ data }) => {
  try {
    if (data.type === "load") await load(data);
    else if (data.type === "stop") current = null;
    else await speak(data);
  } catch (error) {
    post({ type: "error", id: data.id, message: sentence(error) });
  }
};

async function load({ base, threads }) {
  const ort = await import("../engine/ort.wasm.bundle.min.mjs");
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  const began = performance.now();
  voice = await Voice.load(ort, base, (loaded, total) => post({ type: "progress", loaded, total }));
  const { manifest } = voice;
  post({ type: "ready", manifest: about(manifest), threads, seconds: (performance.now() - began) / 1000 });
  await warm();
}

/** Speak for nobody: WebAssembly is translated for speed only once it has run. */
async function warm() {
  for await (const part of voice.speak({ text: "ə", isPhonemes: true, speed: 1, seed: 0 })) {
    if (current !== null || part.samples) return;
  }
}

/** What the page shows of a voice; the vectors of its speakers stay here. */
function about({ voice: description, precision, front_ends, files }) {
  const { sample_rate_hz, hop_length, languages, default_speaker, licences } = description;
  const speakers = Object.entries(description.speakers).map(([name, { language }]) => ({ name, language }));
  const bytes = Object.values(files).reduce((sum, file) => sum + file.bytes, 0);
  const readable = Object.keys(front_ends);
  return { precision, bytes, readable, speakers, sample_rate_hz, hop_length, languages, default_speaker, licences };
}

/** Speak an input; a later one, or "stop", ends it between two windows. */
async function speak({ id, input }) {
  current = id;
  const began = performance.now();
  const { sample_rate_hz: rate, hop_length: hop } = voice.description;
  let [heard, first, passage, parts, looking] = [0, null, null, [], 0];
  const finish = () => {
    const samples = joined(parts);
    const from = performance.now();
    const mel = melSpectrogram(samples, rate, hop);
    looking += performance.now() - from; // the picture is no part of making speech
    post({ type: "passage", id, at: heard - samples.length, passage, mel }, [mel.data.buffer]);
    [passage, parts] = [null, []];
  };
  for await (const part of voice.speak(input)) {
    if (current !== id) return;
    if (part.passage) {
      passage = part.passage;
      continue;
    }
    heard += part.samples.length;
    first ??= (performance.now() - began) / 1000;
    if (passage) parts.push(part.samples);
    post({ type: "samples", id, samples: part.samples });
    if (passage && sum(parts) === passage.frames * hop) finish();
  }
  post({ type: "done", id, seconds: (performance.now() - began - looking) / 1000, first, audio: heard / rate });
}

const sum = (parts) => parts.reduce((size, part) => size + part.length, 0);

function joined(parts) {
  const whole = new Float32Array(sum(parts));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** An error as one sentence. */
function sentence(error) {
  const text = String(error?.message ?? error).split("\n")[0];
  return /^[A-Z“]/.test(text) ? text : `Something went wrong: ${text}`;
}
