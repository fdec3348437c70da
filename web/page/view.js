// The picture of speech: the mel spectrogram, phonemes and words under it, and where the sound is.

const MEL_HEIGHT = 176;
const PHONEMES_TOP = 184;
const LANE = 30;
const WORDS_TOP = PHONEMES_TOP + LANE + 2;
const LEAST_WIDTH = 210; // pixels a second, so that a phoneme's label fits
const RANGE = 9.5; // of natural logarithms below the loudest band
const SMALL = 11; // the size of a label where the usual one has no room
const FONT = 'system-ui, "Noto Sans", "Charis SIL", sans-serif';

const COLOURS = {
  light: ["#fffdf9", "#e3e9f0", "#9fbcd8", "#4c7db8", "#274b8f", "#141d45"],
  dark: ["#0d1018", "#1b2748", "#275a85", "#35938a", "#e3b557", "#fff3d6"],
};

/** Draws into the elements of the result; times are in seconds. */
export class View {
  #passages = [];
  #theme = "light";

  constructor({ view, strip, canvas, segment, head }) {
    Object.assign(this, { view, strip, canvas, segment, head });
    this.duration = 0;
    this.view.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => this.layout()).observe(this.view);
  }

  set theme(name) {
    this.#theme = name;
    for (const passage of this.#passages) passage.image = picture(passage.mel, COLOURS[name]);
    this.draw();
  }

  clear() {
    this.#passages = [];
    this.duration = 0;
    this.view.scrollLeft = 0;
    this.layout();
  }

  /** A passage from `at` on: {mel, phonemes, words} with times of the whole speech. */
  add({ mel, phonemes, words, at, until }) {
    const image = picture(mel, COLOURS[this.#theme]);
    this.#passages.push({ mel, phonemes, words, at, until, image });
    this.duration = until;
    this.layout();
  }

  /** Pixels a second: the whole width for short speech. */
  get scale() {
    return Math.max(LEAST_WIDTH, this.duration ? this.view.clientWidth / this.duration : 0);
  }

  layout() {
    this.strip.style.width = `${Math.ceil(this.duration * this.scale)}px`;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [this.view.clientWidth, this.strip.clientHeight];
    this.canvas.style.width = `${width}px`;
    [this.canvas.width, this.canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    this.draw();
  }

  /** The time at a horizontal place of the window. */
  timeAt(clientX) {
    return (clientX - this.view.getBoundingClientRect().left + this.view.scrollLeft) / this.scale;
  }

  draw() {
    const context = this.canvas.getContext("2d");
    const ratio = window.devicePixelRatio || 1;
    const style = getComputedStyle(this.view);
    const colours = {
      ink: style.color,
      line: style.getPropertyValue("--line"),
      soft: style.getPropertyValue("--soft"),
    };
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const [from, to] = [this.view.scrollLeft / this.scale, (this.view.scrollLeft + this.view.clientWidth) / this.scale];
    for (const passage of this.#passages) {
      if (passage.at > to || passage.until < from) continue;
      this.#mel(context, passage);
      this.#lane(context, passage.phonemes, { top: PHONEMES_TOP, size: 15, ...colours });
      this.#lane(context, passage.words, { top: WORDS_TOP, size: 13, ...colours });
    }
    this.#axes(context, from, to, colours);
  }

  /** Move the line that plays to a time, and follow it; the sounding phoneme stands out. */
  follow(time, phoneme, moves) {
    const x = time * this.scale;
    this.head.style.transform = `translateX(${x}px)`;
    this.segment.hidden = !phoneme;
    if (phoneme) {
      this.segment.textContent = phoneme.text;
      this.segment.style.width = `${(phoneme.end - phoneme.start) * this.scale}px`;
      this.segment.style.transform = `translateX(${phoneme.start * this.scale}px)`;
    }
    const { scrollLeft, clientWidth } = this.view;
    if (moves && (x < scrollLeft || x > scrollLeft + clientWidth * 0.9)) this.view.scrollLeft = x - clientWidth * 0.1;
  }

  #x(time) {
    return time * this.scale - this.view.scrollLeft;
  }

  #mel(context, { image, at, until }) {
    context.drawImage(image, this.#x(at), 0, (until - at) * this.scale, MEL_HEIGHT);
  }

  #lane(context, segments, { top, size, ink, line }) {
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const { text, start, end } of segments) {
      const [left, right] = [this.#x(start), this.#x(end)];
      if (right < 0 || left > this.view.clientWidth) continue;
      context.strokeStyle = line;
      context.strokeRect(left + 0.5, top + 0.5, right - left - 1, LANE - 1);
      context.fillStyle = ink;
      const font = [size, SMALL].find((pixels) => fits(context, text, pixels, right - left));
      if (font) context.fillText(text, (left + right) / 2, top + LANE / 2);
    }
  }

  #axes(context, from, to, { soft }) {
    context.font = `11px ${FONT}`;
    context.fillStyle = soft;
    context.textAlign = "center";
    context.textBaseline = "bottom";
    const step = this.scale > 400 ? 0.25 : 0.5;
    for (let tick = Math.ceil(from / step) * step; tick <= Math.min(to, this.duration); tick += step) {
      if (tick > 0)
        context.fillText(`${tick.toFixed(2).replace(/0$/, "")} s`, this.#x(tick), this.strip.clientHeight - 1);
    }
  }
}

/** Sets the font; whether a text at its size fits a width. */
function fits(context, text, pixels, width) {
  context.font = `${pixels}px ${FONT}`;
  return context.measureText(text).width <= width;
}

/** A canvas with a pixel a frame and band, low bands below. */
function picture({ data, frames, bands }, colours) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [frames, bands];
  const context = canvas.getContext("2d");
  const image = context.createImageData(frames, bands);
  const palette = gradient(colours);
  const loudest = data.reduce((most, value) => Math.max(most, value), -Infinity);
  for (let frame = 0; frame < frames; frame++) {
    for (let band = 0; band < bands; band++) {
      const share = 1 + (data[frame * bands + band] - loudest) / RANGE;
      const colour = palette[Math.max(0, Math.min(255, Math.round(share * 255)))];
      image.data.set(colour, 4 * ((bands - 1 - band) * frames + frame));
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** 256 colours between some. */
function gradient(colours) {
  const stops = colours.map((colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
  return Array.from({ length: 256 }, (_, at) => {
    const place = (at / 255) * (stops.length - 1);
    const low = Math.min(Math.floor(place), stops.length - 2);
    return [0, 1, 2]
      .map((part) => stops[low][part] + (stops[low + 1][part] - stops[low][part]) * (place - low))
      .concat(255);
  });
}
