// Samples as a WAV file: one channel, 16 bits.

const HEADER = 44;

/** A Blob of float samples between -1 and 1. */
export function wavFile(samples, sampleRate) {
  const view = new DataView(new ArrayBuffer(HEADER + 2 * samples.length));
  const text = (at, letters) => Array.from(letters).forEach((c, step) => view.setUint8(at + step, c.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, HEADER - 8 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // size of the format
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, 2 * sampleRate, true); // bytes a second
  view.setUint16(32, 2, true); // bytes a sample
  view.setUint16(34, 16, true); // bits a sample
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, at) => view.setInt16(HEADER + 2 * at, Math.round(sample * 32767), true));
  return new Blob([view], { type: "audio/wav" });
}
