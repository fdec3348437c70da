// Playing samples while more of them come.

const LEAD_S = 0.06; // between asking for sound and hearing it

/** Chunks of samples one after the other; times are in seconds from the first. */
export class Player {
  #context = null;
  #chunks = [];
  #sources = [];
  #origin = 0; // the context's time at which the first sample sounds
  #resting = 0; // the position while nothing plays
  playing = false;
  complete = false;

  constructor(sampleRate) {
    this.sampleRate = sampleRate;
    this.size = 0;
  }

  /** To be called when a person asks for sound: browsers allow none before. */
  wake() {
    this.#context ??= new AudioContext();
    return this.#context.resume();
  }

  clear() {
    this.pause();
    this.#chunks = [];
    [this.size, this.#resting, this.complete] = [0, 0, false];
  }

  append(samples) {
    const chunk = { at: this.size / this.sampleRate, samples };
    this.#chunks.push(chunk);
    this.size += samples.length;
    if (!this.playing) return;
    const late = this.#context.currentTime + LEAD_S / 2 - (this.#origin + chunk.at);
    if (late > 0) this.#origin += late;
    this.#schedule(chunk, 0);
  }

  get duration() {
    return this.size / this.sampleRate;
  }

  get position() {
    if (!this.playing) return this.#resting;
    return Math.min(this.duration, Math.max(0, this.#context.currentTime - this.#origin));
  }

  /** All samples so far. */
  get samples() {
    const whole = new Float32Array(this.size);
    for (const { at, samples } of this.#chunks) whole.set(samples, Math.round(at * this.sampleRate));
    return whole;
  }

  play(from = this.#resting) {
    this.pause();
    this.wake();
    this.playing = true;
    this.#origin = this.#context.currentTime + LEAD_S - from;
    for (const chunk of this.#chunks) {
      const skipped = from - chunk.at;
      if (skipped * this.sampleRate < chunk.samples.length) this.#schedule(chunk, Math.max(0, skipped));
    }
  }

  pause() {
    this.#resting = this.position;
    for (const source of this.#sources) source.stop();
    this.#sources = [];
    this.playing = false;
  }

  seek(seconds) {
    const wanted = Math.min(Math.max(0, seconds), this.duration);
    if (this.playing) this.play(wanted);
    else this.#resting = wanted;
  }

  /** Whether all that there will be has been heard; then the position goes back to the beginning. */
  ended() {
    if (!this.playing || !this.complete || this.position < this.duration) return false;
    this.pause();
    this.#resting = 0;
    return true;
  }

  #schedule({ at, samples }, skipped) {
    const buffer = this.#context.createBuffer(1, samples.length, this.sampleRate);
    buffer.copyToChannel(samples, 0);
    const source = this.#context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.#context.destination);
    source.start(Math.max(0, this.#origin + at + skipped), skipped);
    this.#sources.push(source);
  }
}
