// The page: what is typed goes to the voice in its worker, what it speaks is heard and shown.

import { Form, setText } from "./form.js";
import { isolate } from "./isolate.js";
import { Player } from "./player.js";
import { at, labelFile, timesTable, Transcript } from "./transcript.js";
import { View } from "./view.js";
import { wavFile } from "./wav.js";

/** Half of the processor's threads, and no more than help: two on two busy cores were slower than one. */
const THREADS = Math.max(1, Math.min(4, navigator.hardwareConcurrency >> 1));
const STEP_S = 0.5; // of an arrow key

const $ = (id) => document.getElementById(id);
const worker = new Worker(new URL("../runtime/worker.js", import.meta.url), { type: "module" });
const form = new Form($);
const transcript = new Transcript($("transcript"), (time) => go(time, true));
const view = new View(Object.fromEntries(["view", "strip", "canvas", "segment", "head"].map((id) => [id, $(id)])));
const say = (sentence) => setText($("status"), sentence);

let voice = null; // what the worker says of the voice
let player = null;
let spoken = { id: 0, phonemes: [], words: [] };

const replies = { progress, ready, samples: hear, passage: show, done: finish, error: broken };

worker.onmessage = ({ data }) => {
  if (data.id === undefined || data.id === spoken.id) replies[data.type](data);
};
worker.onerror = () => fail("This browser cannot run the voice: it needs WebAssembly with SIMD and module workers.");

function progress({ loaded, total }) {
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
  $("progress").value = loaded / total;
  $("progress").hidden = loaded >= total && voice !== null;
  say(loaded < total ? `Loading: ${megabytes(loaded)} of ${megabytes(total)} MB` : "Waking the voice…");
}

function ready({ manifest, threads, seconds }) {
  voice = manifest;
  player = new Player(voice.sample_rate_hz);
  form.voice = voice;
  $("progress").hidden = true;
  const size = `${(voice.bytes / 1e6).toFixed(1)} MB`;
  const cores = threads > 1 ? `${threads} threads` : "one thread";
  $("facts").textContent =
    `${voice.precision}, ${voice.sample_rate_hz / 1000} kHz, ${size}, ${cores}. ` +
    `Reads ${voice.readable.join(", ") || "phonemes only"}. Terms of the voice: ${voice.licences.join(", ")}.`;
  say(`Ready in ${seconds.toFixed(1)} s.`);
  Object.assign(document.body.dataset, { state: "ready", loaded: seconds });
}

function speak() {
  const { input } = form;
  $("error").hidden = true;
  if (!input.text.trim()) return say("There is no text to speak yet.");
  spoken = { id: spoken.id + 1, phonemes: [], words: [] };
  form.keep(null);
  player.clear();
  player.wake();
  view.clear();
  transcript.clear();
  $("times").replaceChildren();
  $("wave").hidden = $("labels").hidden = true;
  $("result").hidden = $("stop").hidden = false;
  document.body.dataset.state = "speaking";
  say("Speaking…");
  worker.postMessage({ type: "speak", id: spoken.id, input });
}

function hear({ samples }) {
  player.append(samples);
  if (player.size === samples.length) player.play(0);
}

/** A passage is whole: its times in seconds of the whole speech. */
function show({ at: start, passage, mel }) {
  const from = start / voice.sample_rate_hz;
  const frame = voice.hop_length / voice.sample_rate_hz;
  const timed = (segment) => ({ ...segment, start: from + segment.start * frame, end: from + segment.end * frame });
  const [phonemes, words] = [passage.phonemes.map(timed), passage.words.map(timed)];
  spoken.phonemes.push(...phonemes);
  spoken.words.push(...words);
  form.keep(passage.ipa);
  const lane = words.map((word) => ({ ...word, text: word.text || word.phonemes }));
  view.add({ mel, phonemes, words: lane, at: from, until: from + passage.frames * frame });
  transcript.add(words);
}

function finish({ seconds, first, audio }) {
  offer();
  const faster = (audio / seconds).toFixed(0);
  const firstly = (1000 * first).toFixed(0);
  say(`${audio.toFixed(1)} s made in ${seconds.toFixed(2)} s, ${faster}× real time; first sound after ${firstly} ms.`);
  Object.assign(document.body.dataset, { state: "done", seconds, first, audio });
}

/** No more will come: what there is can be kept. */
function offer() {
  player.complete = true;
  $("stop").hidden = true;
  if (!player.size) return;
  link($("wave"), wavFile(player.samples, voice.sample_rate_hz));
  link($("labels"), labelFile(spoken.phonemes));
  if ($("details").open) timesTable($("times"), spoken.phonemes, spoken.words);
}

function link(anchor, blob) {
  if (anchor.href) URL.revokeObjectURL(anchor.href);
  anchor.href = URL.createObjectURL(blob);
  anchor.hidden = false;
}

/** What was spoken before can be kept. */
function broken({ message }) {
  if (player) offer();
  fail(message);
}

function fail(sentence) {
  setText($("error"), sentence);
  $("error").hidden = false;
  $("stop").hidden = $("progress").hidden = true;
  $("result").hidden = !player?.size;
  say(voice ? "Nothing more was spoken." : "The voice could not be loaded.");
  document.body.dataset.state = "error";
}

function stop() {
  worker.postMessage({ type: "stop" });
  spoken = { ...spoken, id: spoken.id + 1 }; // what is under way is not wanted any more
  player.pause();
  offer();
  say("Stopped.");
  document.body.dataset.state = "stopped";
}

/** Once a picture: where the sound is. */
function tick() {
  requestAnimationFrame(tick);
  if (!player) return;
  player.ended();
  const time = player.position;
  const phoneme = player.playing || time > 0 ? at(spoken.phonemes, time) : null;
  view.follow(time, phoneme, player.playing);
  transcript.follow(phoneme ? time : -1, player.playing);
  setText($("clock"), `${time.toFixed(1)} / ${player.duration.toFixed(1)} s`);
  setText($("play"), player.playing ? "Pause" : "Play");
  const [now, most] = [time.toFixed(1), player.duration.toFixed(1)];
  const values = { valuemax: most, valuenow: now, valuetext: `${now} s${phoneme ? `, ${phoneme.text}` : ""}` };
  for (const [name, value] of Object.entries(values)) $("view").setAttribute(`aria-${name}`, value);
}

function go(time, plays = player.playing) {
  if (plays) player.play(Math.min(Math.max(0, time), player.duration));
  else player.seek(time);
}

const toggle = () => (player.playing ? player.pause() : player.play());

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  setText($("theme"), name === "dark" ? "Light colours" : "Dark colours");
  view.theme = name;
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  speak();
});
$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && voice) speak();
});
$("stop").addEventListener("click", stop);
$("play").addEventListener("click", toggle);
$("view").addEventListener("click", (event) => go(view.timeAt(event.clientX)));
$("view").addEventListener("keydown", (event) => {
  const moves = { ArrowLeft: -STEP_S, ArrowRight: STEP_S, Home: -Infinity, End: Infinity };
  if (event.key === " ") toggle();
  else if (event.key in moves) go(player.position + moves[event.key]);
  else return;
  event.preventDefault();
});
$("details").addEventListener("toggle", () => {
  if ($("details").open) timesTable($("times"), spoken.phonemes, spoken.words);
});
$("theme").addEventListener("click", () => {
  setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
});

document.body.dataset.state = "loading";
setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
requestAnimationFrame(tick);
if (await isolate()) {
  const asked = Number(new URLSearchParams(location.search).get("threads")); // for measurements
  const threads = crossOriginIsolated ? asked || THREADS : 1;
  worker.postMessage({ type: "load", base: document.baseURI, threads });
}
