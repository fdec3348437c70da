"""How fast and how small a voice is: the `small` preset with random weights, text to wave on one thread.

Speed does not depend on what the weights say, as long as a phoneme lasts as long as in speech. Beside it, in turn,
speaks hibari-tts. The last line is one JSON object; RTF is seconds of work a second of audio (medians over all
sentences and rounds), `vs_hibari` how many times faster int8 is.

Run: python benchmarks/synthesis.py
"""

from __future__ import annotations

import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROUNDS = 3
SENTENCES = 10
#: 85 ms a phoneme at 16 kHz and hop 256: some 12 phonemes a second.
FRAMES_A_PHONEME = 5.3

SPEAK_ONCE = """
import sys
from voiceloom_model.runtime import Voice
Voice.load(sys.argv[1], precision="int8", threads=1).say(sys.argv[2])
print(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])  # rusage would count the parent's memory too
"""


def main() -> None:
    """Build the voice, measure, print."""
    from voiceloom_model.runtime import Voice
    from voiceloom_model.runtime.bundle import speaking_bytes

    texts = read_texts()
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "voice"
        build_voice(bundle)
        speakers: dict[str, Callable[[str], float]] = {"hibari": hibari()}
        for precision in ("int8", "fp32"):
            speakers[precision] = speaker(Voice.load(bundle, precision=precision, threads=1))
        factors = measure(speakers, texts)
        report = {
            "int8_rtf_1core": round(factors["int8"], 5),
            "fp32_rtf_1core": round(factors["fp32"], 5),
            "vs_hibari": round(factors["hibari"] / factors["int8"], 2),
            "bundle_mb": round(speaking_bytes(bundle, "int8") / 1e6, 2),
            "peak_mb": round(peak_kilobytes(bundle, texts[0]) / 1024, 1),
        }
    for name, factor in factors.items():
        print(f"{name}: RTF {factor:.4f}")
    print(json.dumps(report))


def read_texts() -> list[str]:
    """Everyday sentences."""
    from tasks.evaluate.spoken import read_sentences

    root = Path(__file__).parents[1]
    return read_sentences(root / "data" / "sentences" / "everyday-en.txt")[:SENTENCES]


def build_voice(bundle: Path) -> None:
    """A bundle of random weights that speaks at the pace of a person."""
    import torch

    from tasks.export import describe, write_graphs
    from tasks.params import ExportParams, load_params
    from voiceloom_model.config import model_config
    from voiceloom_model.eight_bits import speaking_linears
    from voiceloom_model.nn.synthesizer import Synthesizer
    from voiceloom_model.runtime.bundle import DESCRIPTION, LEXICON, write_sums
    from voiceloom_model.text import N_LANGUAGES, N_SYMBOLS, front_end_identity

    audio = load_params(Path(__file__).parents[1] / "params.yaml").audio
    torch.manual_seed(0)
    sizes = {"n_mels": audio.n_mels, "n_fft": audio.n_fft, "hop_length": audio.hop_length}
    config = model_config("small", n_symbols=N_SYMBOLS, n_languages=N_LANGUAGES, **sizes)
    synthesizer = Synthesizer(config).eval().requires_grad_(False)
    for parameter in synthesizer.parameters():
        parameter.add_(0.02 * torch.randn_like(parameter))  # zeros that training would fill pack too well
    synthesizer.durations.stack.leave.weight.zero_()
    synthesizer.durations.stack.leave.bias.fill_(math.log(FRAMES_A_PHONEME))
    export = ExportParams(precisions=["fp32", "int8"], parity_lengths=2, parity_tolerance=1e-4)
    write_graphs(synthesizer, list(speaking_linears(synthesizer)), bundle, export)
    origin = {"corpus": "none", "speaker": "random", "language": "en-US", "licence": "none", "consent_id": "none"}
    vector = np.full(config.speaker_size, config.speaker_size**-0.5)
    written = {"mel": audio.model_dump(), "model": config.to_dict(), "speakers": {"random": vector.tolist()}}
    front_ends = {"en-US": front_end_identity("en-US")}
    description = describe(written, [{**origin, "content_key": "none", "duration_s": 1.0}], front_ends, export)
    (bundle / DESCRIPTION).write_text(description.to_json(), encoding="utf-8")
    shutil.copyfile(Path(__file__).parents[1] / "data" / "lexicon.tsv", bundle / LEXICON)
    write_sums(bundle)


def speaker(voice) -> Callable[[str], float]:
    """A function that says a text and returns the seconds of audio."""
    return lambda text: len(voice.say(text)) / voice.sample_rate_hz


def hibari() -> Callable[[str], float]:
    """The same for hibari-tts."""
    from hibari import SAMPLE_RATE, Hibari

    voice = Hibari(threads=1)
    return lambda text: len(voice(text)) / SAMPLE_RATE


def measure(speakers: dict[str, Callable[[str], float]], texts: list[str]) -> dict[str, float]:
    """The median real-time factor of each, all taking turns sentence by sentence."""
    factors = defaultdict(list)
    for say in speakers.values():
        say(texts[0])  # what the first call allocates is not measured
    for _ in range(ROUNDS):
        for text in texts:
            for name, say in speakers.items():
                started = time.perf_counter()
                seconds = say(text)
                factors[name].append((time.perf_counter() - started) / seconds)
    return {name: statistics.median(values) for name, values in factors.items()}


def peak_kilobytes(bundle: Path, text: str) -> int:
    """Largest resident memory of a fresh process that loads the voice and says one sentence."""
    command = [sys.executable, "-c", SPEAK_ONCE, str(bundle), text]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


if __name__ == "__main__":
    main()
