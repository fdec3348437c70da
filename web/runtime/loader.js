// Fetching what a page needs, each file checked against the sum that page.json gives; nothing comes from elsewhere.

const FORMAT = 4;

/** page.json, refused when the voice is of another format than this page speaks. */
export async function loadManifest(base) {
  const response = await get(new URL("page.json", base));
  const manifest = await response.json();
  const found = manifest.voice.format;
  if (found !== FORMAT) throw new Error(`This voice has format ${found}; this page speaks format ${FORMAT}.`);
  return manifest;
}

/** Files of a manifest by name, with what they add up to reported as they come. */
export class Files {
  #loaded = 0;
  #total = 0;

  constructor(base, manifest, report) {
    Object.assign(this, { base, files: manifest.files, report });
  }

  /** What is about to be loaded, for the report; within a larger load it changes nothing. */
  expect(names) {
    const total = names.reduce((sum, name) => sum + this.files[name].bytes, 0);
    if (this.#loaded < this.#total) return;
    [this.#loaded, this.#total] = [0, total];
  }

  /** The content of a file as an ArrayBuffer. */
  async bytes(name) {
    const response = await get(new URL(`voice/${name}.gz`, this.base));
    const packed = await this.#received(response);
    const content = await unpacked(packed, name);
    await check(content, this.files[name].sha256, name);
    return content;
  }

  /** The content of a JSON file. */
  async json(name) {
    return JSON.parse(new TextDecoder().decode(await this.bytes(name)));
  }

  async #received(response) {
    const chunks = [];
    for (let reader = response.body.getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) return new Blob(chunks);
      chunks.push(value);
      this.#loaded += value.byteLength;
      this.report(Math.min(this.#loaded, this.#total), this.#total);
    }
  }
}

async function get(url) {
  let response;
  try {
    response = await fetch(url);
  } catch {
    throw new Error(`${url.pathname} could not be fetched: is the server still there?`);
  }
  if (!response.ok) throw new Error(`${url.pathname} could not be fetched: the server says ${response.status}.`);
  return response;
}

/** Some servers unpack .gz on the way; its first bytes tell. */
async function unpacked(blob, name) {
  const [first, second] = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
  if (first !== 0x1f || second !== 0x8b) return blob.arrayBuffer();
  try {
    return await new Response(blob.stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  } catch {
    throw new Error(`${name} did not arrive whole; load the page again.`);
  }
}

/** Sums can only be taken where the page's origin is trusted (https or this machine). */
async function check(content, expected, name) {
  if (!globalThis.crypto?.subtle) return;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== expected) throw new Error(`${name} is not the file that page.json lists; make the folder again.`);
}
