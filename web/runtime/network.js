// A passage's tokens to sound: voiceloom_model.runtime.network in JavaScript. N tokens, F frames, L latent, S speaker.

import { Noise } from "./noise.js";
import { windows } from "./windows.js";

const MAX_TOKEN_S = 10; // no sound of speech lasts as long

/** The two graphs that speak; `run` is (session, {name: [type, data, dims]}) → promise of {name: tensor}. */
export class Network {
  constructor(encoder, decoder, { voice, windows: sizes }, run) {
    Object.assign(this, { encoder, decoder, description: voice, sizes, run });
  }

  /** Encoded text, whole durations (N,), the noise of all frames and a source's breath; both of the seed alone. */
  async plan({ ids, stress }, { languageId, speaker, speed, seed }) {
    const { latent, hop_length: hop, noise_scale, duration_noise_scale } = this.description;
    const noise = new Noise(seed);
    const feeds = {
      tokens: ["int64", ids, [1, ids.length]],
      stress: ["int64", stress, [1, ids.length]],
      language: ["int64", [languageId], [1]],
      speaker: ["float32", speaker, [1, speaker.length]],
    };
    if (this.encoder.inputNames.includes("duration_noise")) {
      feeds.duration_noise = ["float32", noise.draw(2 * ids.length, duration_noise_scale), [1, ids.length, 2]];
    }
    const { encoded, log_durations: logs } = await this.run(this.encoder, feeds);
    const durations = this.#whole(logs.data, speed);
    const frames = durations.reduce((sum, value) => sum + value, 0);
    const drawn = noise.draw(frames * latent, noise_scale);
    const breath = this.decoder.inputNames.includes("breath") ? noise.draw(frames * hop, 1) : null;
    return { encoded, durations, frames, speaker, noise: drawn, breath };
  }

  /** The samples of a passage, one window after the other; pulses go on where the window before leaves them. */
  async *sound(plan) {
    const { hop_length: hop, context_frames: context } = this.description;
    let phase = 0; // of the pulses in cycles, where a window begins to be heard
    for (const window of windows(plan.frames, context, this.sizes)) {
      const { start, stop, first, last } = window;
      const { wave, cycles } = await this.run(this.decoder, this.#feeds(plan, window, phase));
      if (cycles && stop < last) phase = cycles.data[stop - first];
      const heard = wave.data.slice((start - first) * hop, (stop - first) * hop);
      yield heard.map((sample) => Math.min(1, Math.max(-1, sample)));
    }
  }

  #feeds({ encoded, durations, speaker, noise, breath }, { start, first, last }, phase) {
    const { latent, hop_length: hop } = this.description;
    const feeds = {
      encoded: ["float32", encoded.data, encoded.dims],
      durations: ["int64", durations, [1, durations.length]],
      noise: ["float32", noise.subarray(first * latent, last * latent), [1, last - first, latent]],
      speaker: ["float32", speaker, [1, speaker.length]],
      start: ["int64", [first], []],
    };
    if (breath) {
      feeds.breath = ["float32", breath.subarray(first * hop, last * hop), [1, (last - first) * hop]];
      feeds.phase = ["float32", Float32Array.of(phase), [1]];
      feeds.anchor = ["int64", [start - first], []];
      feeds.f0 = ["float32", new Float32Array(last - first), [1, last - first]]; // 0: as the voice says
    }
    return feeds;
  }

  /** Log frames → whole frames at a speed, at least one a token; halves go to the even neighbour, as in numpy. */
  #whole(logs, speed) {
    const longest = (MAX_TOKEN_S * this.description.sample_rate_hz) / this.description.hop_length;
    return Array.from(logs, (log) => {
      if (!(log <= Math.log(longest)))
        throw new Error(`This voice wants a sound of more than ${MAX_TOKEN_S} s; it is broken.`);
      const frames = Math.fround(Math.fround(Math.exp(log)) / Math.fround(speed));
      return Math.max(1, halfEven(frames));
    });
  }
}

function halfEven(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 ? below + 1 : below;
}
