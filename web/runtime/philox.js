// Philox-4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011), seeded as numpy seeds it, so
// that a seed gives the noise that numpy.random.Generator(numpy.random.Philox(seed)) gives.

const ROUNDS = 10;
const MULTIPLIERS = [
  [0xd2e7470e, 0xe14c6c93],
  [0xca5a8263, 0x95121157],
]; // [high, low] halves
const WEYL = [
  [0x9e3779b9, 0x7f4a7c15],
  [0xbb67ae85, 0x84caa73b],
];
const POOL = 4;

/** A stream of 32-bit whole numbers. */
export class Philox {
  #counter = new Uint32Array(8); // four 64-bit words, low halves first
  #block = new Uint32Array(8);
  #at = 8;

  /** `seed` is a whole number from 0 to 2^53 - 1. */
  constructor(seed) {
    if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`The seed ${seed} is no whole number from 0 on.`);
    this.key = seedSequence(seed, 4);
  }

  next() {
    if (this.#at === 8) this.#refill();
    return this.#block[this.#at++];
  }

  /** Uniform in [0, 1), 24 bits. */
  nextFloat() {
    return (this.next() >>> 8) / 16777216;
  }

  #refill() {
    for (let at = 0; at < 8; at++) {
      this.#counter[at] += 1;
      if (this.#counter[at]) break;
    }
    this.#block.set(this.#counter);
    const key = Uint32Array.from(this.key);
    for (let round = 0; round < ROUNDS; round++) {
      if (round) bump(key);
      mix(this.#block, key);
    }
    this.#at = 0;
  }
}

function bump(key) {
  WEYL.forEach(([high, low], at) => {
    const sum = key[2 * at] + low;
    key[2 * at] = sum;
    key[2 * at + 1] += high + (sum > 0xffffffff ? 1 : 0);
  });
}

const first = new Uint32Array(4);
const second = new Uint32Array(4);

/** One round: two products, their high halves crossed over. This and `multiply` avoid arrays made on the way. */
function mix(x, key) {
  multiply(MULTIPLIERS[0], x[1], x[0], first);
  multiply(MULTIPLIERS[1], x[5], x[4], second);
  x[0] = second[2] ^ x[2] ^ key[0];
  x[1] = second[3] ^ x[3] ^ key[1];
  x[2] = second[0];
  x[3] = second[1];
  x[4] = first[2] ^ x[6] ^ key[2];
  x[5] = first[3] ^ x[7] ^ key[3];
  x[6] = first[0];
  x[7] = first[1];
}

/** The 128 bits of a product of two 64-bit numbers into `product`, low words first. */
function multiply(constant, high, low, product) {
  const carry = wide(constant[1], low);
  product[0] = lowest;
  const middle = wide(constant[0], low);
  const cross = lowest;
  const across = wide(constant[1], high);
  let sum = carry + cross + lowest;
  product[1] = sum;
  const top = wide(constant[0], high);
  sum = Math.floor(sum / 4294967296) + middle + across + lowest;
  product[2] = sum;
  product[3] = Math.floor(sum / 4294967296) + top;
}

let lowest = 0;

/** The high half of a product of two 32-bit numbers; the low half goes to `lowest`. */
function wide(a, b) {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const other = a0 * b1 + (middle & 0xffff);
  lowest = Math.imul(a, b) >>> 0;
  return a1 * b1 + Math.floor(middle / 65536) + Math.floor(other / 65536);
}

/** What numpy.random.SeedSequence(seed).generate_state(words) gives (after M. E. O'Neill's seed_seq_fe). */
function seedSequence(seed, words) {
  const entropy = seed > 0xffffffff ? [seed % 2 ** 32, Math.floor(seed / 2 ** 32)] : [seed];
  const hash = hasher(0x43b0d7e5, 0x931e8875);
  const pool = Uint32Array.from({ length: POOL }, (_, at) => hash(entropy[at] ?? 0));
  for (let from = 0; from < POOL; from++) {
    for (let to = 0; to < POOL; to++) {
      if (from === to) continue;
      const mixed = Math.imul(0xca01f9dd, pool[to]) - Math.imul(0x4973f715, hash(pool[from]));
      pool[to] = mixed ^ ((mixed >>> 16) & 0xffff);
    }
  }
  const finish = hasher(0x8b51f9dd, 0x58f38ded);
  return Uint32Array.from({ length: words }, (_, at) => finish(pool[at % POOL]));
}

function hasher(constant, multiplier) {
  return (value) => {
    value = (value ^ constant) >>> 0;
    constant = Math.imul(constant, multiplier) >>> 0;
    value = Math.imul(value, constant) >>> 0;
    return (value ^ (value >>> 16)) >>> 0;
  };
}
