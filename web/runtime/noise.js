// Normal noise by the ziggurat (Marsaglia & Tsang, 2000) in single precision, number for number as numpy draws it.

import { Philox } from "./philox.js";

const LAYERS = 256;
const R = 3.6541528853610088; // where the tail begins
const AREA = 0.004928673233974658; // of every layer
const UNIT = 2 ** 23;
const { fround } = Math;
const R_SINGLE = fround(R);
const TABLES = tables();

/** The noise of one passage: every call goes on where the last one ended. */
export class Noise {
  constructor(seed) {
    this.bits = new Philox(seed);
  }

  /** `size` numbers of standard deviation `scale`. */
  draw(size, scale) {
    const deviation = fround(scale);
    const drawn = new Float32Array(size);
    for (let at = 0; at < size; at++) drawn[at] = normal(this.bits) * deviation;
    return drawn;
  }
}

function normal(bits) {
  for (;;) {
    const word = bits.next();
    const layer = word & 0xff;
    const size = word >>> 9;
    const width = fround(size * TABLES.width[layer]);
    const value = word & 0x100 ? -width : width;
    if (size < TABLES.inside[layer]) return value;
    if (layer === 0) return tail(bits, size);
    const here = TABLES.height[layer];
    const step = fround(TABLES.height[layer - 1] - here);
    if (fround(fround(step * bits.nextFloat()) + here) < Math.exp(-0.5 * value * value)) return value;
  }
}

function tail(bits, size) {
  for (;;) {
    const beyond = fround(fround(-1 / R) * fround(Math.log1p(-bits.nextFloat())));
    const height = -fround(Math.log1p(-bits.nextFloat()));
    if (fround(height + height) > fround(beyond * beyond)) {
      return (size >>> 8) & 1 ? -fround(R_SINGLE + beyond) : fround(R_SINGLE + beyond);
    }
  }
}

/** Layer by layer: the width of a step, the steps that lie inside for sure, the height of the curve. */
function tables() {
  const [width, height] = [new Float32Array(LAYERS), new Float32Array(LAYERS)];
  const inside = new Uint32Array(LAYERS);
  const curve = (x) => Math.exp(-0.5 * x * x);
  const base = AREA / curve(R);
  [width[0], width[LAYERS - 1]] = [base / UNIT, R / UNIT];
  [height[0], height[LAYERS - 1]] = [1, curve(R)];
  inside[0] = Math.round((R / base) * UNIT);
  let outer = R;
  for (let at = LAYERS - 2; at >= 1; at--) {
    const inner = Math.sqrt(-2 * Math.log(AREA / outer + curve(outer)));
    inside[at + 1] = Math.round((inner / outer) * UNIT);
    [width[at], height[at]] = [inner / UNIT, curve(inner)];
    outer = inner;
  }
  return { width, height, inside };
}
