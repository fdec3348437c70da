"""Does a voice speak on aarch64, and does it say the same? A real arm64 Python under QEMU, with the wheels for it.

An arm64 Python comes from Debian and is unpacked, not installed; numpy, ONNX Runtime and hibari-tts are the aarch64
wheels of the versions in constraints.txt; all of it lies in runs/aarch64. QEMU's user-mode emulator runs it on the
processor of a Raspberry Pi 4 and a Raspberry Pi 5. The same sentence is said there and here: `snr_db` is how far below
the speech the difference of the samples lies, `magnitude_snr_db` that of its spectra without phases, which the last bit
of a pitch may turn, `identical_twice` whether the emulated processor says the same twice. Times and memory under
emulation mean nothing. The last line is one JSON object.

Run: python benchmarks/aarch64.py [--voice models/voice] [--text …]; wants Debian and its package qemu-user-static
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
from _pipeline import ROOT

WORK = ROOT / "runs" / "aarch64"
DEBIAN = ("python3-minimal", "libpython3-stdlib", "libstdc++6")
WHEELS = ("numpy", "onnxruntime", "hibari-tts")
GLIBCS = ("2_17", "2_27", "2_28")
SPECTRUM = 1024
#: Processor → its part number and features, as its kernel would tell; ONNX Runtime chooses its kernels by them.
PROCESSORS = {
    "cortex-a72": ("0xd08", "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"),
    "cortex-a76": ("0xd0b", "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm asimddp"),
}
SPEAK = """
import sys
import numpy
from voiceloom_model.runtime import Voice

voice = Voice.load(sys.argv[1], precision=sys.argv[2], threads=1)
waves = [voice.say(sys.argv[3]) for _ in range(2)]
numpy.savez(sys.argv[4], wave=waves[0], identical=numpy.array_equal(*waves))
"""


def main() -> None:
    """Fetch, speak, compare, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--voice", type=Path, default=ROOT / "models" / "voice", help="a bundle")
    parser.add_argument("--text", default="Good morning, everybody. The harbour opens at nine.")
    given = parser.parse_args()
    emulator = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    missing = [
        what
        for what, there in (("QEMU", emulator), ("apt", shutil.which("apt-get")), ("a voice", given.voice.is_dir()))
        if not there
    ]
    if not emulator or missing:
        print(json.dumps({"skipped": f"no {', '.join(missing)}"}))
        return
    root = debian_root(WORK / "root")
    site = wheels(WORK, next((root / "usr" / "bin").glob("python3.*")).name.removeprefix("python"))
    precisions = json.loads((given.voice / "voice.json").read_text(encoding="utf-8"))["precisions"]
    report: dict[str, dict] = {}
    for precision in (name for name in precisions if name != "fp16"):
        here, _ = speak([sys.executable], [], given, precision)
        for name, (part, features) in PROCESSORS.items():
            describe_processor(root, part, features)
            command = [emulator, "-cpu", name, "-L", str(root), str(next((root / "usr" / "bin").glob("python3.*")))]
            there, identical = speak(command, [site], given, precision)
            report[f"{precision} {name}"] = {**compare(here, there), "identical_twice": identical}
            print(precision, name, report[f"{precision} {name}"])
    print(json.dumps(report))


def debian_root(root: Path) -> Path:
    """Unpack an arm64 Python and what it needs, by apt with a state of its own, as no other system is touched."""
    if root.is_dir():
        return root
    state, cache = WORK / "apt", WORK / "cache"
    for folder in (state / "lists" / "partial", cache / "archives" / "partial"):
        folder.mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    settings = {
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::Cache": cache,
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "",
        "APT::Install-Recommends": "false",
    }
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    subprocess.run(["apt-get", "-qq", *options, "update"], check=True)
    subprocess.run(["apt-get", "-qq", *options, "install", "-y", "--download-only", *DEBIAN], check=True)
    for package in sorted((cache / "archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, root.with_suffix(".part")], check=True)
    return root.with_suffix(".part").rename(root)


def wheels(work: Path, version: str) -> Path:
    """Unpack the aarch64 wheels for a Python; pip fails where one of them does not exist."""
    site = work / "site"
    if site.is_dir():
        return site
    platforms = [part for glibc in GLIBCS for part in ("--platform", f"manylinux_{glibc}_aarch64")]
    target = ["--only-binary", ":all:", *platforms, "--python-version", version, "--dest", str(work / "wheels")]
    command = [sys.executable, "-m", "pip", "download", "-q", "-c", str(ROOT / "constraints.txt"), *target, *WHEELS]
    subprocess.run(command, check=True)
    for wheel in sorted((work / "wheels").glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site.with_suffix(".part"))
    return site.with_suffix(".part").rename(site)


def describe_processor(root: Path, part: str, features: str) -> None:
    """A /proc/cpuinfo of one core: this machine's own would make nonsense of the choice of kernels."""
    lines = ("processor: 0", f"Features: {features}", "CPU implementer: 0x41", "CPU architecture: 8")
    text = "\n".join((*lines, "CPU variant: 0x0", f"CPU part: {part}", "CPU revision: 3", "", ""))
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc" / "cpuinfo").write_text(text.replace(":", "\t:"), encoding="utf-8")


def speak(python: list[str], site: list[Path], given: argparse.Namespace, precision: str) -> tuple[np.ndarray, bool]:
    """The samples (T,) that a Python's voice makes, and whether it makes the same twice."""
    target = WORK / "wave.npz"
    path = os.pathsep.join(map(str, [ROOT / "model_src", *site]))
    command = [*python, "-c", SPEAK, str(given.voice), precision, given.text, str(target)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"})
    with np.load(target) as made:
        return made["wave"], bool(made["identical"])


def compare(here: np.ndarray, there: np.ndarray) -> dict[str, float | None]:
    """Samples of both, the largest difference of one, and the signal's level above the difference in dB."""
    sizes = {"samples_here": len(here), "samples_there": len(there)}
    if len(here) != len(there):
        return {**sizes, "max_difference": None, "snr_db": None, "magnitude_snr_db": None}
    worst = round(float(np.abs(there - here).max()), 7)
    magnitudes = snr_db(spectra(here), spectra(there))
    return {**sizes, "max_difference": worst, "snr_db": snr_db(here, there), "magnitude_snr_db": magnitudes}


def snr_db(here: np.ndarray, there: np.ndarray) -> float:
    """How far the difference lies below what is here."""
    difference = there.astype(np.float64) - here
    ratio = float(np.square(here, dtype=np.float64).sum()) / max(float(np.square(difference).sum()), 1e-30)
    return round(10 * math.log10(ratio), 1)


def spectra(wave: np.ndarray) -> np.ndarray:
    """Magnitudes (F, K) of stretches of a wave (T,)."""
    stretches = np.lib.stride_tricks.sliding_window_view(wave, SPECTRUM)[:: SPECTRUM // 4]
    return np.abs(np.fft.rfft(stretches * np.hanning(SPECTRUM)))


if __name__ == "__main__":
    main()
