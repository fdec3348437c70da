// Which stretches of a passage sound in one go: voiceloom_model.runtime.windows in JavaScript. A voice at 8 bits rounds
// by the range of all it computes at once, so only the same windows give the same samples.

/** Frames start…stop are heard; first…last, with the neighbourhood they depend on, are computed.
 *
 * `sizes` are the frames of the first window and of the next ones, and the least of one: less joins the one before.
 */
export function windows(frames, context, sizes) {
  if (context === null) return [{ start: 0, stop: frames, first: 0, last: frames }];
  const found = [];
  for (let start = 0, size = sizes.first; start < frames; size = sizes.next) {
    const stop = frames - (start + size) < sizes.least ? frames : start + size;
    found.push({ start, stop, first: Math.max(0, start - context), last: Math.min(frames, stop + context) });
    start = stop;
  }
  return found;
}
