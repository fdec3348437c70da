"""How fast a voice speaks in a browser: the page of `voiceloom web` in headless Chromium, beside the Python runtime.

For each precision and number of threads: the download, the time until the page is ready, RTF (seconds of work a second
of audio, the median over sentences after a first one) and the time to the first samples. The Python runtime speaks the
same sentences in turn on one thread. The last line is one JSON object.

Run: python benchmarks/browser.py [VOICE]   (default models/voice; needs Chromium, and npm once)
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "model_src")]

from benchmarks._chromium import ISOLATED, Page, browser, chromium, served  # noqa: E402

SENTENCES = 12
SPEAK = "document.body.dataset.state = 'asked'; document.getElementById('speak').click()"


def main() -> None:
    """Build the pages, measure, print."""
    from flows.speak import find_bundle
    from flows.web import CACHE, build_page
    from tasks.evaluate.spoken import read_sentences
    from voiceloom_model.runtime import Voice

    program = chromium()
    if program is None:
        print(json.dumps({"skipped": "Chromium is not installed"}))
        return
    bundle = find_bundle(ROOT, sys.argv[1] if len(sys.argv) > 1 else None)
    texts = read_sentences(ROOT / "data" / "sentences" / "everyday-en.txt")[:SENTENCES]
    cores = len(os.sched_getaffinity(0))
    report: dict[str, float] = {"sentences": len(texts), "cores": cores}
    with tempfile.TemporaryDirectory() as folder:
        for precision in (name for name in ("int8", "fp32") if (bundle / name).is_dir()):
            page = Path(folder) / precision
            report[f"{precision}_mb"] = build_page(bundle, page, precision, ROOT / CACHE).megabytes
            voice = Voice.load(bundle, precision=precision)
            for threads in sorted({1, cores}):
                found = measure(program, page, threads, texts, voice)
                report |= {f"{precision}_{threads}_{name}": value for name, value in found.items()}
                print(f"{precision}, {threads} threads: {found}", flush=True)
    print(json.dumps(report))


def measure(program: str, folder: Path, threads: int, texts: list[str], voice) -> dict[str, float]:
    """Figures of one page on so many threads."""
    rows = []
    with served(folder, ISOLATED) as address, browser(program) as page:
        began = time.perf_counter()
        page.open(f"{address}?threads={threads}")
        page.wait("document.body.dataset.state === 'ready'", 120)
        ready = time.perf_counter() - began
        for text in texts:
            rows.append((*spoken(page, text), native(voice, text)))
    factors, firsts, natives = zip(*rows[1:], strict=True)  # the first call is not measured
    return {
        "ready_s": round(ready, 2),
        "rtf": round(median(factors), 4),
        "first_ms": round(1000 * median(firsts), 1),
        "times_python": round(median(factors) / median(natives), 2),
    }


def spoken(page: Page, text: str) -> tuple[float, float]:
    """RTF and seconds to the first samples of a text."""
    page.evaluate(f"document.getElementById('text').value = {json.dumps(text)}; {SPEAK}")
    page.wait("document.body.dataset.state === 'done'", 120)
    seconds, first, audio = page.evaluate("['seconds', 'first', 'audio'].map((name) => +document.body.dataset[name])")
    return seconds / audio, first


def native(voice, text: str) -> float:
    """RTF of the Python runtime."""
    began = time.perf_counter()
    samples = voice.say(text)
    return (time.perf_counter() - began) * voice.sample_rate_hz / len(samples)


if __name__ == "__main__":
    main()
