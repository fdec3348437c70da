"""How well a long recording is found in its text: real prompts joined with room tone, the text damaged on purpose.

300 prompts of a Debian corpus, drawn at random, are joined with 0.2–3 s of noise cut from their own silence. In the
text 2 % of the words are others, and three sentences are missing; in a second case three sentences that nobody says
stand in it besides. An utterance is found when its pieces together have its text and lie where it lies; what the
voice activity detector says of the clean single prompt is the truth about its bounds. The last line is one JSON
object. Words are kept in the row store: a second run times only the cutting.

Run: python benchmarks/longform.py [--corpus festvox-ru] [--model whisper-tiny] [--speed]
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tasks import audio
from tasks.engine import Step, compute
from tasks.fetch import debian
from tasks.ingest.readers import read_corpus
from tasks.params import DebianSource, SegmentParams, load_params
from tasks.rowstore import Rejected
from tasks.segment import cut, words
from tasks.segment.activity import Span, activity
from tasks.segment.sound import Sound

ROOT = Path(__file__).parents[1]
RATE = 16000
WRONG_WORDS = 0.02
MISSING = 3
#: A sentence that is left out or put in is one: not a number, not a letter of the alphabet.
SENTENCE_WORDS, SENTENCE_S = 4, 1.5
#: More of another prompt's speech than this makes a piece wrong.
FOREIGN_S = 0.15
SPEED_S = 360.0

CORPORA = {
    "asterisk-en": ("en-US", ["asterisk-core-sounds-en-g722", "asterisk-core-sounds-en"]),
    "festvox-ru": ("ru", ["festvox-ru"]),
}


class Prompt(NamedTuple):
    """A prompt and where its speech is, in seconds of its own wave."""

    text: str
    wave: np.ndarray
    speech: Span


class Book(NamedTuple):
    """The damaged texts of the prompts, the numbers of those left out, and texts put in that nobody says."""

    texts: list[str]
    gone: set[int]
    added: list[str]
    language: str


@dataclass
class Joined:
    """The long recording as FLAC, and each prompt's text and speech in it."""

    flac: bytes
    minutes: float
    texts: list[str]
    spans: list[Span]


def main() -> None:
    """Join, listen, cut, judge, print."""
    options = _options()
    language, _ = CORPORA[options.corpus]
    segment = load_params(ROOT / "params.yaml").segment.model_copy(update={"asr_model": options.model})
    prompts = read_prompts(options, segment)
    rng = np.random.default_rng(options.seed)
    joined, unsaid = join(prompts[: options.prompts], rng), [prompt.text for prompt in prompts[options.prompts :]]
    texts, gone = damaged(joined, rng)
    heard, seconds = listen(joined, language, options.model)
    report = {
        "corpus": options.corpus,
        "model": options.model,
        "seed": options.seed,
        "minutes": round(joined.minutes, 1),
    }
    report |= {"prompts": len(joined.texts), "words_min_per_hour": seconds and round(seconds / joined.minutes, 2)}
    for case, added in (("missing", []), ("missing_and_added", unsaid)):
        report[case] = measure(joined, heard, Book(texts, gone, added, language), segment)
        print(case, report[case])
    if options.speed:
        report |= speed(joined, language, options.model)
    report["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(json.dumps(report))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", choices=sorted(CORPORA), default="asterisk-en")
    parser.add_argument("--model", default="whisper-base")
    parser.add_argument("--prompts", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", action="store_true", help="time one process, then two at once, on six minutes")
    return parser.parse_args()


def read_prompts(options: argparse.Namespace, segment: SegmentParams) -> list[Prompt]:
    """Prompts in random order, and three sentences more."""
    corpus, count = options.corpus, options.prompts + MISSING
    language, packages = CORPORA[corpus]
    raw = ROOT / "runs" / "longform" / corpus
    if not raw.is_dir():
        raw.mkdir(parents=True)
        debian.fetch(corpus, DebianSource(kind="debian", packages=packages), raw)
    sources = [source for source in read_corpus(corpus, raw, "auto", language) if source.path and source.text]
    order = np.random.default_rng(options.seed).permutation(len(sources))
    found: list[Prompt] = []
    for source in (sources[at] for at in order):
        prompt = read_prompt(source.path, source.text or "", segment)
        last = len(found) >= count - MISSING
        if prompt and (not last or is_sentence(prompt)):
            found.append(prompt)
        if len(found) == count:
            break
    return found


def read_prompt(path: Path | None, text: str, segment: SegmentParams) -> Prompt | None:
    """A prompt as ingest would store it; None when it alone would be no utterance."""
    try:
        wave, rate = audio.decode(path)  # pyright: ignore[reportArgumentType]
        wave, _ = audio.normalise_loudness(audio.resample(wave, rate, RATE), RATE, -23.0)
    except Rejected:
        return None
    found = activity(Sound(audio.to_flac(wave, RATE)), segment.vad_threshold)
    span = found.trim(0.0, found.duration_s, segment.padding_s)
    if span is None or not segment.min_duration_s <= span[1] - span[0] <= segment.max_duration_s:
        return None
    return Prompt(" ".join(text.split()), wave, span)


def is_sentence(prompt: Prompt) -> bool:
    """Whether a prompt is more than a word or two."""
    return len(prompt.text.split()) >= SENTENCE_WORDS and prompt.speech[1] - prompt.speech[0] >= SENTENCE_S


def join(prompts: Sequence[Prompt], rng: np.random.Generator) -> Joined:
    """The prompts one after the other, with room tone between them, before the first and after the last."""
    pool = np.concatenate([silence for prompt in prompts for silence in silences(prompt)])
    parts, spans, at = [], [], 0
    for prompt in prompts:
        tone = room_tone(rng.uniform(0.2, 3.0), pool, rng)
        parts += [tone, prompt.wave]
        start = at + len(tone)
        spans.append((start / RATE + prompt.speech[0], start / RATE + prompt.speech[1]))
        at = start + len(prompt.wave)
    whole = np.concatenate([*parts, room_tone(1.0, pool, rng)])
    whole += 1e-4 * rng.standard_normal(len(whole)).astype(np.float32)  # a noise gate leaves digital zeros
    return Joined(audio.to_flac(whole, RATE), len(whole) / RATE / 60, [prompt.text for prompt in prompts], spans)


def silences(prompt: Prompt) -> list[np.ndarray]:
    """What lies before and after a prompt's speech."""
    start, end = (round(moment * RATE) for moment in prompt.speech)
    return [prompt.wave[:start], prompt.wave[end:]]


def room_tone(seconds: float, pool: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Tenths of a second of silence, drawn at random and faded into each other."""
    size, fade = RATE // 10, RATE // 100
    tone = np.zeros(int(seconds * RATE) + size + fade, np.float32)
    window = np.minimum(1, np.minimum(np.arange(size + fade), np.arange(size + fade)[::-1]) / fade).astype(np.float32)
    for at in range(0, len(tone) - size - fade, size):
        start = rng.integers(0, len(pool) - size - fade)
        tone[at : at + size + fade] += window * pool[start : start + size + fade]
    return tone[: int(seconds * RATE)]


def listen(joined: Joined, language: str, model: str) -> tuple[list[dict], float | None]:
    """The words of the recording, and how long that took unless they were known."""
    key = words.key(cut.row_key("longform", joined.flac), language, model)
    step = Step("segment-words", words.VERSION, partial(words.listen, model=model), words.SCHEMA)
    store = step.store()
    started = time.perf_counter()
    counts = compute(step, {key: ({"bytes": joined.flac}, language)}, store)
    return store.get([key])[key].rows, time.perf_counter() - started if counts.computed else None


def measure(joined: Joined, heard: list[dict], book: Book, segment: SegmentParams) -> dict:
    """Cut, and judge."""
    texts, gone, added, language = book
    lines = [text for number, text in enumerate(texts) if number not in gone]
    for number, text in enumerate(added, 1):
        lines.insert(number * len(texts) // (len(added) + 1), text)
    recording = cut.Recording(0.0, {"bytes": joined.flac}, "book", "\n\n".join(lines), [], heard, language)
    started = time.perf_counter()
    rows = cut.cut(recording, segment)
    return judge(rows, joined, texts, gone) | {
        "cut_s_per_hour": round((time.perf_counter() - started) / joined.minutes * 60, 1)
    }


def damaged(joined: Joined, rng: np.random.Generator) -> tuple[list[str], set[int]]:
    """Texts with wrong words, and the numbers of the three sentences that are missing."""
    texts = [text.split() for text in joined.texts]
    places = [(number, at) for number, text in enumerate(texts) for at in range(len(text))]
    vocabulary = ["".join(filter(str.isalpha, word)) or word for text in texts for word in text]
    for place in rng.choice(len(places), round(WRONG_WORDS * len(places)), replace=False):
        number, at = places[place]
        mark = texts[number][at][-1] if not texts[number][at][-1].isalnum() else ""
        texts[number][at] = vocabulary[rng.integers(len(vocabulary))] + mark
    spoken = [
        number
        for number, (text, (start, end)) in enumerate(zip(texts, joined.spans, strict=True))
        if len(text) >= SENTENCE_WORDS and end - start >= SENTENCE_S
    ]
    return [" ".join(text) for text in texts], set(rng.choice(spoken, MISSING, replace=False).tolist())


def judge(rows: list[dict], joined: Joined, texts: list[str], gone: set[int]) -> dict:
    """How many utterances were found, how far off their bounds are, what was wrong and what was reported."""
    pieces = [
        [row for row in rows if row["reason"] is None and _owner(row, joined.spans) == n] for n in range(len(texts))
    ]
    wrong = [row for n, own in enumerate(pieces) for row in own if n in gone or is_wrong(row, n, texts, joined.spans)]
    errors, found = [], 0
    for number, own in enumerate(pieces):
        if number not in gone and letters("".join(row["text"] for row in own)) == letters(texts[number]):
            found += 1
            span = joined.spans[number]
            errors += [abs(own[0]["start_s"] - span[0]), abs(own[-1]["end_s"] - span[1])]
    unread = [row for row in rows if row["reason"] == "not_in_text"]
    reasons = [row["reason"] for row in rows if row["reason"]]
    return {
        "found": round(found / (len(texts) - len(gone)), 4),
        "wrong": len(wrong),
        "median_error_ms": round(1000 * float(np.median(errors)), 1),
        "p95_error_ms": round(1000 * float(np.percentile(errors, 95)), 1),
        "left_out_reported": sum(any(_owner(row, joined.spans) == n for row in unread) for n in gone),
        **{reason: reasons.count(reason) for reason in sorted(set(reasons))},
    }


def _owner(row: dict, spans: Sequence[Span]) -> int:
    """The prompt in whose speech most of a row lies."""
    return int(np.argmax([overlap(row, span) for span in spans]))


def overlap(row: dict, span: Span) -> float:
    """Seconds of a row inside a span."""
    return max(0.0, min(row["end_s"], span[1]) - max(row["start_s"], span[0]))


def is_wrong(row: dict, number: int, texts: list[str], spans: list[Span]) -> bool:
    """Whether a row has words that its prompt lacks, or the speech of another."""
    padding = 0.1
    foreign = sum(overlap(row, (a + padding, b - padding)) for n, (a, b) in enumerate(spans) if n != number)
    return letters(row["text"]) not in letters(texts[number]) or foreign > FOREIGN_S


def letters(text: str) -> str:
    """A text without case, spaces and marks."""
    return "".join(filter(str.isalnum, text.casefold()))


def speed(joined: Joined, language: str, model: str) -> dict:
    """Minutes of listening an hour of audio: one process of one thread, then two at once on a recording each."""
    sound = Sound(joined.flac)
    part = audio.to_flac(sound.samples(0, int(SPEED_S * RATE)), RATE)
    report = {}
    for processes in (1, 2):
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            work = partial(words.listen, model=model)
            warm = audio.to_flac(sound.samples(0, 10 * RATE), RATE)
            list(pool.map(work, [({"bytes": warm}, language)] * processes))
            started = time.perf_counter()
            list(pool.map(work, [({"bytes": part}, language)] * processes))
            seconds = time.perf_counter() - started
        report[f"words_min_per_hour_{processes}"] = round(seconds / 60 / (processes * SPEED_S / 3600), 2)
    return report


if __name__ == "__main__":
    main()
