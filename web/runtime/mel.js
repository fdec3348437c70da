// The log-mel spectrogram that the page shows: how loud each band is, frame by frame.

const FFT = 1024;
const BANDS = 80;
const FLOOR = 1e-5;

/** {data: Float32Array (frames × bands, natural log), frames, bands} of samples, a frame every `hop` samples. */
export function melSpectrogram(samples, sampleRate, hop) {
  const filters = melFilters(sampleRate);
  const frames = Math.max(1, Math.floor(samples.length / hop));
  const data = new Float32Array(frames * BANDS);
  const window = Float64Array.from({ length: FFT }, (_, at) => 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / FFT));
  const [real, imaginary] = [new Float64Array(FFT), new Float64Array(FFT)];
  const loudness = new Float64Array(FFT / 2 + 1);
  for (let frame = 0; frame < frames; frame++) {
    const start = Math.floor((frame + 0.5) * hop) - FFT / 2;
    for (let at = 0; at < FFT; at++) real[at] = (samples[start + at] ?? 0) * window[at];
    imaginary.fill(0);
    transform(real, imaginary);
    for (let at = 0; at <= FFT / 2; at++) loudness[at] = Math.sqrt(real[at] ** 2 + imaginary[at] ** 2);
    filters.forEach(({ from, weights }, band) => {
      let energy = 0;
      for (let at = 0; at < weights.length; at++) {
        energy += weights[at] * loudness[from + at];
      }
      data[frame * BANDS + band] = Math.log(Math.max(energy, FLOOR));
    });
  }
  return { data, frames, bands: BANDS };
}

/** Triangles of equal width in mel (Slaney's scale is not needed to look at: HTK's formula). */
function melFilters(sampleRate) {
  const mel = (hz) => 2595 * Math.log10(1 + hz / 700);
  const bin = (mels) => (700 * (10 ** (mels / 2595) - 1) * FFT) / sampleRate;
  const top = mel(sampleRate / 2);
  return Array.from({ length: BANDS }, (_, band) => {
    const [low, peak, high] = [band, band + 1, band + 2].map((at) => bin((top * at) / (BANDS + 1)));
    const from = Math.floor(low) + 1;
    const to = Math.max(from + 1, Math.ceil(high));
    const weights = Float64Array.from({ length: Math.min(to, FFT / 2 + 1) - from }, (_, at) => {
      const here = from + at;
      return Math.max(0, here <= peak ? (here - low) / (peak - low) : (high - here) / (high - peak));
    });
    if (!weights.some((weight) => weight > 0)) weights[0] = 1;
    return { from, weights };
  });
}

/** A complex FFT in place, radix 2 (Cooley & Tukey, 1965). */
function transform(real, imaginary) {
  const size = real.length;
  for (let at = 1, swap = 0; at < size; at++) {
    let bit = size >> 1;
    for (; swap & bit; bit >>= 1) swap ^= bit;
    swap ^= bit;
    if (at < swap) {
      [real[at], real[swap]] = [real[swap], real[at]];
      [imaginary[at], imaginary[swap]] = [imaginary[swap], imaginary[at]];
    }
  }
  for (let length = 2; length <= size; length <<= 1) {
    const angle = (-2 * Math.PI) / length;
    for (let offset = 0; offset < length / 2; offset++) {
      const [cos, sin] = [Math.cos(angle * offset), Math.sin(angle * offset)];
      for (let start = offset; start < size; start += length)
        butterfly(real, imaginary, start, start + length / 2, cos, sin);
    }
  }
}

function butterfly(real, imaginary, one, other, cos, sin) {
  const re = real[other] * cos - imaginary[other] * sin;
  const im = real[other] * sin + imaginary[other] * cos;
  real[other] = real[one] - re;
  imaginary[other] = imaginary[one] - im;
  real[one] += re;
  imaginary[one] += im;
}
