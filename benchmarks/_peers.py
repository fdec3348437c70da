"""One voice in a process of its own: reads texts from standard input, answers each with how long it took.

A request is a line with a text as JSON, an answer a line with `audio_s`, `work_s`, `first_s` (until the first samples
are there, streamed where the voice streams) and `peak_mb`, the largest resident memory so far.
Run by `_workers.py`: python _peers.py VOICE FOLDER THREADS
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from piper import PiperVoice

#: Frames that the untrained VITS gives a blank and a letter: with 62.5 frames a second some 16 letters, as in speech.
BLANK_FRAMES, LETTER_FRAMES = 1, 3


class Peer(NamedTuple):
    """A loaded voice: its sample rate, and text → chunks of samples (T,)."""

    rate_hz: int
    stream: Callable[[str], Iterator[np.ndarray]]


def main() -> None:
    """Load the voice, then speak whatever comes."""
    name, folder, threads = sys.argv[1:]
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints is no answer
    peer = PEERS[name.partition("-")[0]](name.partition("-")[2], Path(folder), int(threads))
    for line in sys.stdin:
        print(json.dumps(spoken(peer, json.loads(line))), file=answers, flush=True)


def spoken(peer: Peer, text: str) -> dict[str, float]:
    """Speak, keep nothing, and tell the times."""
    started = time.perf_counter()
    first, samples = 0.0, 0
    for chunk in peer.stream(text):
        first = first or time.perf_counter() - started
        samples += len(chunk)
    work = time.perf_counter() - started
    return {"audio_s": samples / peer.rate_hz, "work_s": work, "first_s": first, "peak_mb": peak_mb()}


def peak_mb() -> float:
    """The largest resident memory of this process until now."""
    with open("/proc/self/status") as status:  # rusage would count the parent's memory too
        return int(status.read().split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def ours(precision: str, folder: Path, threads: int) -> Peer:
    """A bundle at one of its precisions, as `voiceloom-model` alone is installed: without scipy."""
    sys.modules["scipy"] = None  # type: ignore[assignment]
    from voiceloom_model.runtime import Voice

    voice = Voice.load(folder, precision=precision, threads=threads)
    return Peer(voice.sample_rate_hz, voice.stream)


def hibari(_: str, folder: Path, threads: int) -> Peer:
    """hibari-tts, which streams sentence by sentence."""
    from hibari import SAMPLE_RATE, Hibari

    return Peer(SAMPLE_RATE, Hibari(threads=threads).stream)


def piper(_: str, folder: Path, threads: int) -> Peer:
    """piper-tts, which streams sentence by sentence; its session is given as many threads as the others."""
    (path,) = folder.glob("*.onnx")
    voice = piper_voice(path, threads)
    return Peer(voice.config.sample_rate, lambda text: (chunk.audio_float_array for chunk in voice.synthesize(text)))


def piper_voice(path: Path, threads: int) -> PiperVoice:
    """A Piper voice whose session computes on so many threads; piper-tts itself would take all."""
    import onnxruntime
    from piper import PiperVoice

    voice = PiperVoice.load(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    voice.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return voice


def vits(_: str, folder: Path, threads: int) -> Peer:
    """Hugging Face's VitsModel of the size of facebook/mms-tts-eng, with random weights and the pace of speech."""
    import torch
    from transformers import VitsConfig, VitsModel

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = VitsModel(VitsConfig()).eval()  # the configuration's own values are those of mms-tts-eng
    predict = model.duration_predictor.forward

    def at_the_pace_of_speech(*arguments, **options) -> torch.Tensor:
        frames = torch.full_like(predict(*arguments, **options), BLANK_FRAMES)
        frames[..., 1::2] = LETTER_FRAMES
        return frames.log() - 1e-3  # rounded up

    model.duration_predictor.forward = at_the_pace_of_speech

    def stream(text: str) -> Iterator[np.ndarray]:
        letters = [1 + ord(letter) % 37 for letter in text.lower() if letter.isalpha() or letter in " '-"]
        ids = [0, *(number for letter in letters for number in (letter, 0))]
        with torch.inference_mode():
            yield model(torch.tensor([ids])).waveform[0].numpy()

    return Peer(model.config.sampling_rate, stream)


PEERS = {"ours": ours, "hibari": hibari, "piper": piper, "vits": vits}

if __name__ == "__main__":
    main()
