"""`voiceloom serve` under load: so many clients at once for so long, each asking again as soon as it is answered.

The server is a process of its own on this machine's loopback, and so are the clients: they share its processors.
Latency is a whole answer, first byte its beginning; both in seconds as a client sees them. Processor time is the
server's alone and depends least on what else the machine does. Memory is the server's resident size: before the first
request, and its growth from the second quarter of the time to the last. The last line is one JSON object.

Run: python benchmarks/serving.py [--voice models/voice] [--clients 50] [--seconds 60] [--format mp3] [--openai]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 120.0

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
Ask = Callable[[str], Awaitable[tuple[float, int]]]


@dataclass
class Seen:
    """What the clients saw; times in seconds, memory in MB with the second it was looked at."""

    latencies: list[float] = field(default_factory=list)
    first_bytes: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


def main() -> None:
    """Start the server, load it, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--voice", type=Path, default=ROOT / "models" / "voice")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--format", default="mp3", choices=get_args(Format))
    parser.add_argument("--openai", action="store_true", help="ask by the openai package, which costs more itself")
    given = parser.parse_args()
    with server(given.voice) as (process_id, url):
        before = resident_mb(process_id)
        seen, took = asyncio.run(load(given, url, process_id))
        spoken_s, worked_s = counter(url, "audio_seconds_total"), processor_s(process_id)
    report = summary(seen, took, spoken_s) | {
        "processor_s_per_audio_s": round(worked_s / spoken_s, 4),
        "memory_before_mb": round(before, 1),
    }
    for error in seen.errors[:5]:
        print(f"error: {error}")
    print(f"{given.clients} clients for {took:.0f} s, {given.format}: {len(seen.latencies)} answers")
    print(json.dumps(report))


@contextlib.contextmanager
def server(voice: Path) -> Iterator[tuple[int, str]]:
    """A server of `voice` on a free port; yields its process id and base URL."""
    command = [sys.executable, "-m", "voiceloom_model.serve", "--voice", str(voice), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise SystemExit("the server did not start")
            yield process.pid, line.split()[0]
        finally:
            process.terminate()


async def load(given: argparse.Namespace, url: str, process_id: int) -> tuple[Seen, float]:
    """Ask until the time is over; what was seen, and how long it took."""
    seen, texts = Seen(), itertools.cycle(read_texts())
    started = time.perf_counter()
    until = started + given.seconds
    async with contextlib.AsyncExitStack() as stack:
        ask = await (by_openai if given.openai else by_http)(stack, url, given.format)
        watching = asyncio.create_task(watch(seen, process_id))
        await asyncio.gather(*(one_client(ask, texts, until, seen) for _ in range(given.clients)))
        watching.cancel()
    return seen, time.perf_counter() - started


async def one_client(ask: Ask, texts: Iterator[str], until: float, seen: Seen) -> None:
    """Ask, listen to the end, ask again."""
    while (began := time.perf_counter()) < until:
        try:
            first, size = await ask(next(texts))
            if not size:
                raise ValueError("an answer without a byte")
        except Exception as error:  # whatever it is, it is counted
            seen.errors.append(repr(error))
            continue
        seen.first_bytes.append(first - began)
        seen.latencies.append(time.perf_counter() - began)


async def by_http(stack: contextlib.AsyncExitStack, url: str, response_format: Format) -> Ask:
    """Plain HTTP; the answer is when its first byte came (time.perf_counter) and how many there were."""
    import httpx

    client = await stack.enter_async_context(httpx.AsyncClient(timeout=TIMEOUT_S, limits=httpx.Limits()))

    async def ask(text: str) -> tuple[float, int]:
        asked = {"input": text, "response_format": response_format}
        async with client.stream("POST", f"{url}/audio/speech", json=asked) as answer:
            answer.raise_for_status()
            return await count(answer.aiter_raw())

    return ask


async def by_openai(stack: contextlib.AsyncExitStack, url: str, response_format: Format) -> Ask:
    """The same by the openai package."""
    import openai

    client = await stack.enter_async_context(openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0))

    async def ask(text: str) -> tuple[float, int]:
        create = client.audio.speech.with_streaming_response.create
        async with create(model="tts-1", voice="alloy", input=text, response_format=response_format) as answer:
            return await count(answer.iter_bytes())

    return ask


async def count(pieces) -> tuple[float, int]:
    """When the first of them came, and how many bytes there were."""
    first, size = 0.0, 0
    async for piece in pieces:
        first = first or time.perf_counter()
        size += len(piece)
    return first, size


async def watch(seen: Seen, process_id: int) -> None:
    """The server's memory, twice a second."""
    while True:
        seen.memory.append(resident_mb(process_id))
        await asyncio.sleep(0.5)


def summary(seen: Seen, took: float, spoken_s: float) -> dict:
    """The figures."""
    return {
        "requests": len(seen.latencies),
        "errors": len(seen.errors),
        "requests_per_s": round(len(seen.latencies) / took, 1),
        "audio_s_per_s": round(spoken_s / took, 1),
        **percentiles("latency", seen.latencies),
        **percentiles("first_byte", seen.first_bytes),
        "memory_peak_mb": round(max(seen.memory), 1),
        "memory_growth_mb": round(growth(seen.memory), 1),
    }


def percentiles(name: str, values: list[float]) -> dict[str, float]:
    """The 50th and the 95th."""
    cuts = statistics.quantiles(values, n=20)
    return {f"{name}_p50_s": round(cuts[9], 3), f"{name}_p95_s": round(cuts[18], 3)}


def growth(memory: list[float]) -> float:
    """From the mean of the second quarter to the mean of the last: what filling caches takes is over by then."""
    quarter = len(memory) // 4
    return statistics.mean(memory[-quarter:]) - statistics.mean(memory[quarter : 2 * quarter])


def read_texts() -> list[str]:
    """Everyday sentences, and every fifth time five of them together."""
    from tasks.evaluate.spoken import read_sentences

    texts = read_sentences(ROOT / "data" / "sentences" / "everyday-en.txt")
    return [" ".join(texts[at : at + 5]) if at % 5 == 0 else text for at, text in enumerate(texts)]


def resident_mb(process_id: int) -> float:
    """VmRSS of a process."""
    status = Path(f"/proc/{process_id}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def processor_s(process_id: int) -> float:
    """What a process has used of all processors, its start included."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def counter(url: str, name: str) -> float:
    """A figure of the server's own metrics."""
    import urllib.request

    with urllib.request.urlopen(url.removesuffix("/v1") + "/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"voiceloom_{name} "))


if __name__ == "__main__":
    main()
