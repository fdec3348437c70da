"""Audio in and out: any codec → mono float32, resampling, loudness, and the FLAC that tables hold.

Letters: T samples. Waveforms are float32 (T,) with full scale at ±1.
"""

from __future__ import annotations

import io
import re
import shutil
import struct
import subprocess
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile as sf

from tasks.rowstore import Rejected

#: Codecs without a header: the suffix alone says how to read them; ffmpeg's input options for each.
HEADERLESS = {
    ".g722": ("-f", "g722"),
    ".gsm": ("-f", "gsm"),
    ".ulaw": ("-f", "mulaw", "-ar", "8000"),
    ".alaw": ("-f", "alaw", "-ar", "8000"),
    ".sln16": ("-f", "s16le", "-ar", "16000"),
}
#: What counts as a recording when a folder is searched.
SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".aiff", ".au", ".webm", *HEADERLESS)

_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
#: Byte order and audio chunk of the chunked formats, by how they begin.
_CHUNKED = {(b"RIFF", b"WAV"): ("<", b"data"), (b"FORM", b"AIF"): (">", b"SSND")}
_STREAMED = 0xFFFFF000  # a writer that did not know the length in advance leaves a number like this
_BLOCK_S = 0.4  # BS.1770's gating block
_CEILING = 0.99
_LEVEL_WINDOW_S = 0.02
#: A container's stated length is rounded, and codecs may drop a last frame.
_LENGTH_SLACK_S = 0.25


@lru_cache(maxsize=1)
def ffmpeg_path() -> str:
    """The system's ffmpeg, or the binary inside `imageio-ffmpeg`."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    import imageio_ffmpeg

    return imageio_ffmpeg.get_ffmpeg_exe()


def decode(path: Path) -> tuple[np.ndarray, int]:
    """Read any recording: mono waveform (T,) and its sample rate in Hz.

    Raises `Rejected` with `empty_file`, `truncated` (the header promises more than there is) or `not_audio`.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise Rejected("empty_file", "the file has no bytes")
    if _is_text(head):
        raise Rejected("not_audio", "the file holds text")
    if path.suffix.lower() in HEADERLESS:
        wave, rate = _decode_ffmpeg(path)
    else:
        _check_chunks(path)
        wave, rate = _decode_soundfile(path) or _decode_ffmpeg(path)
    if not len(wave):
        raise Rejected("not_audio", "the file holds no samples")
    if not np.isfinite(wave).all():
        raise Rejected("not_audio", "some samples are not numbers")
    return wave, rate


def _is_text(head: bytes) -> bool:
    """Whether bytes are plain text, which a codec without a header would turn into noise."""
    if _CONTROL.search(head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"  # the last character is cut, nothing else is wrong
    return True


def _check_chunks(path: Path) -> None:
    """Raise `truncated` when a WAV or AIFF promises more bytes than there are; libsndfile would not say."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(12)
        order, wanted = _CHUNKED.get((start[:4], start[8:11]), ("", b""))
        if not order:
            return
        while len(header := file.read(8)) == 8:
            name, length = struct.unpack(f"{order}4sI", header)
            here = file.tell()
            if name == wanted:
                if length < _STREAMED and here + length > size:
                    raise Rejected("truncated", f"the header promises {length} bytes of audio, {size - here} are there")
                return
            file.seek(here + length + length % 2)
    raise Rejected("truncated", "the file ends before its audio begins")


def _decode_soundfile(path: Path) -> tuple[np.ndarray, int] | None:
    """Read with libsndfile; None when it does not know the format."""
    try:
        with sf.SoundFile(path) as file:
            promised, rate = file.frames, file.samplerate
            samples = file.read(dtype="float32", always_2d=True)
    except sf.LibsndfileError as error:
        if error.code == 1:
            return None
        raise Rejected("truncated", f"libsndfile stopped: {error.error_string}") from error
    if len(samples) < promised:
        raise Rejected("truncated", f"the header promises {promised} samples, {len(samples)} are there")
    return samples.mean(axis=1), rate


def _decode_ffmpeg(path: Path) -> tuple[np.ndarray, int]:
    """Read with ffmpeg, which knows everything else. Only local files: a play list could name any address."""
    command = [ffmpeg_path(), "-nostdin", "-hide_banner", "-protocol_whitelist", "file,pipe"]
    command += [*HEADERLESS.get(path.suffix.lower(), ()), "-i", f"file:{path.absolute()}"]
    command += ["-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "pipe:1"]
    done = subprocess.run(command, capture_output=True, check=False)
    report = done.stderr.decode(errors="replace")
    if done.returncode or len(done.stdout) <= 24:
        reason = "truncated" if re.search("moov atom not found|truncat|EOF", report) else "not_audio"
        raise Rejected(reason, f"ffmpeg could not read it: {_last_line(report)}")
    wave, rate = _from_au(done.stdout)
    stated = re.search(r"Duration: (\d+):(\d\d):(\d\d\.\d+)", report)
    if stated and path.suffix.lower() not in HEADERLESS:
        hours, minutes, seconds = map(float, stated.groups())
        promised = hours * 3600 + minutes * 60 + seconds
        if len(wave) / rate < promised - _LENGTH_SLACK_S:
            raise Rejected("truncated", f"the header promises {promised:.2f} s, {len(wave) / rate:.2f} s are there")
    return wave, rate


def _from_au(content: bytes) -> tuple[np.ndarray, int]:
    """Mono samples and rate from ffmpeg's AU output; its header, unlike WAV's, need not know the length."""
    offset, _length, _encoding, rate, channels = struct.unpack(">5I", content[4:24])
    usable = (len(content) - offset) // (4 * channels) * 4 * channels
    samples = np.frombuffer(content, ">f4", count=usable // 4, offset=offset)
    return samples.reshape(-1, channels).mean(axis=1, dtype=np.float32), rate


def _last_line(report: str) -> str:
    lines = [line.strip() for line in report.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def resample(wave: np.ndarray, rate_hz: int, target_hz: int) -> np.ndarray:
    """(T,) at `rate_hz` → (T × target_hz ÷ rate_hz,) at `target_hz`."""
    if rate_hz == target_hz:
        return wave
    import soxr

    return soxr.resample(wave, rate_hz, target_hz, quality="HQ")


def peak_level_dbfs(wave: np.ndarray, rate_hz: int) -> float:
    """RMS level of the loudest 20 ms, in dB below full scale; one click makes no silent file loud."""
    width = min(len(wave), max(1, int(_LEVEL_WINDOW_S * rate_hz)))
    windows = wave[: len(wave) // width * width].astype(np.float64).reshape(-1, width)
    return float(10 * np.log10(np.max(np.mean(windows**2, axis=1)) + 1e-20))


def clipped_share(wave: np.ndarray) -> float:
    """Share of samples on a flat top: runs of three or more within 0.1 % of the peak.

    Measured against the recording's own peak, so that a clipped recording turned down later is still found;
    before resampling, which rounds the tops.
    """
    top = np.abs(wave) >= 0.999 * np.max(np.abs(wave), initial=1e-9)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], top.astype(np.int8), [0]))))
    runs = edges[1::2] - edges[::2]
    return float(runs[runs >= 3].sum() / max(len(wave), 1))


def loudness_lufs(wave: np.ndarray, rate_hz: int) -> float:
    """Integrated loudness (ITU-R BS.1770-4).

    A clip shorter than one 0.4 s block is one block of its own length: K-weighted RMS without gating.
    """
    import pyloudnorm

    block_s = min(_BLOCK_S, len(wave) / rate_hz)
    return float(pyloudnorm.Meter(rate_hz, block_size=block_s).integrated_loudness(wave.astype(np.float64)))


def normalise_loudness(wave: np.ndarray, rate_hz: int, target_lufs: float) -> tuple[np.ndarray, float]:
    """Bring (T,) to `target_lufs`, or as near as 1 % below full scale allows; and its loudness then."""
    measured = loudness_lufs(wave, rate_hz)
    if not np.isfinite(measured):
        raise Rejected("silent", "there is nothing loud enough to measure")
    ceiling_db = 20 * np.log10(_CEILING / np.max(np.abs(wave)))
    gain_db = min(target_lufs - measured, ceiling_db)
    return (wave * 10 ** (gain_db / 20)).astype(np.float32), measured + gain_db


def to_flac(wave: np.ndarray, rate_hz: int) -> bytes:
    """(T,) → FLAC, 16 bits."""
    buffer = io.BytesIO()
    sf.write(buffer, wave, rate_hz, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def from_flac(content: bytes) -> tuple[np.ndarray, int]:
    """FLAC bytes → (T,) and sample rate in Hz."""
    return sf.read(io.BytesIO(content), dtype="float32")
