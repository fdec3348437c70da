"""Samples into sound files, piece by piece: what is written once is never touched again, so it can leave at once.

An encoder takes float32 (T,) between -1 and 1 and returns the bytes that are ready; nobody knows yet how long the
whole will be, so headers say so in the way their formats have for it.
"""

from __future__ import annotations

import io
import queue
import shutil
import struct
import subprocess
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import lru_cache
from typing import BinaryIO, NamedTuple, Protocol, cast

import numpy as np

#: The rate that OpenAI promises for samples without a header.
PCM_HZ = 24000
#: Opus knows these alone; whatever else is resampled to 24 kHz.
OPUS_HZ = (8000, 12000, 16000, 24000, 48000)
#: How long a piece waits for ffmpeg to make something of it before it goes with the next.
FFMPEG_PATIENCE_S = 0.1
FFMPEG_CLOSING_S = 10.0


class Encoder(Protocol):
    """Turns samples into the bytes of a file."""

    def add(self, samples: np.ndarray) -> bytes:
        """The bytes that are ready once `samples` (T,) are in."""
        ...

    def end(self) -> bytes:
        """The bytes that are left."""
        ...

    def close(self) -> None:
        """Let go of everything, finished or not."""
        ...


class _Samples:
    """16-bit samples, after a header where there is one."""

    def __init__(self, header: bytes = b"") -> None:
        self._header = header

    def add(self, samples: np.ndarray) -> bytes:
        content, self._header = self._header + _sixteen_bits(samples), b""
        return content

    def end(self) -> bytes:
        return self._header

    def close(self) -> None:
        pass


class _Forward(io.RawIOBase):
    """A file that only grows; what a codec would go back for to correct is left as it is, for it has been sent."""

    def __init__(self) -> None:
        self._ready = bytearray()
        self._at = self._end = 0

    def write(self, content) -> int:
        if self._at == self._end:
            self._ready += content
            self._end += len(content)
        self._at += len(content)
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = (0, self._at, self._end)[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def take(self) -> bytes:
        content, self._ready = bytes(self._ready), bytearray()
        return content


class _Sndfile:
    """MP3, Ogg Opus and FLAC by libsndfile, in this process."""

    def __init__(self, rate_hz: int, subtype: str, **how) -> None:
        import soundfile

        self._content = _Forward()
        self._file = soundfile.SoundFile(cast(BinaryIO, self._content), "w", rate_hz, 1, subtype, **how)

    def add(self, samples: np.ndarray) -> bytes:
        self._file.write(samples)
        return self._content.take()

    def end(self) -> bytes:
        self._file.close()
        return self._content.take()

    def close(self) -> None:
        self._file.close()


class _Ffmpeg:
    """AAC (ADTS) by ffmpeg in a process of its own; a thread reads what it makes, so that neither waits for ever."""

    def __init__(self, rate_hz: int) -> None:
        command = [ffmpeg_path(), "-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1"]
        command += ["-probesize", "32", "-analyzeduration", "0", "-f", "s16le", "-ar", str(rate_hz), "-ac", "1"]
        command += ["-i", "pipe:0", "-c:a", "aac", "-b:a", "64k", "-flush_packets", "1", "-f", "adts", "pipe:1"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, bufsize=0)
        self._made: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def add(self, samples: np.ndarray) -> bytes:
        assert self._process.stdin is not None
        content = memoryview(_sixteen_bits(samples))
        while content:
            content = content[self._process.stdin.write(content) or 0 :]
        return b"".join(self._ready(FFMPEG_PATIENCE_S))

    def end(self) -> bytes:
        assert self._process.stdin is not None
        self._process.stdin.close()
        pieces = list(self._ready(FFMPEG_CLOSING_S, until_end=True))
        if self._process.wait(FFMPEG_CLOSING_S):
            raise OSError(f"ffmpeg failed with status {self._process.returncode}")
        return b"".join(pieces)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _read(self) -> None:
        """Whatever ffmpeg makes, and nothing when it is done."""
        assert self._process.stdout is not None
        with self._process.stdout as made:
            while piece := made.read(1 << 16):
                self._made.put(piece)
        self._made.put(b"")

    def _ready(self, patience_s: float, until_end: bool = False) -> Iterator[bytes]:
        """What was made: all that is there after waiting for the first of it, or all there will be."""
        try:
            while piece := self._made.get(timeout=patience_s):
                yield piece
                patience_s = patience_s if until_end else 0
        except queue.Empty:
            if until_end:
                raise OSError(f"ffmpeg gave nothing for {patience_s:.0f} s") from None


class _Resampled:
    """Another encoder, fed at another rate."""

    def __init__(self, from_hz: int, to_hz: int, encoder: Encoder) -> None:
        import soxr

        self._stream, self._encoder = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32"), encoder

    def add(self, samples: np.ndarray) -> bytes:
        return self._encoder.add(self._stream.resample_chunk(samples))

    def end(self) -> bytes:
        rest = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        return self._encoder.add(rest) + self._encoder.end()

    def close(self) -> None:
        self._encoder.close()


class Format(NamedTuple):
    """A media type, and what encodes it from samples at a rate."""

    media_type: str
    encoder: Callable[[int], Encoder]


def encoded(pieces: Iterable[np.ndarray], name: str, rate_hz: int) -> Generator[bytes]:
    """The bytes of each piece (T,) in a format of `FORMATS`, as soon as it is there; may be closed at any time."""
    encoder = FORMATS[name].encoder(rate_hz)
    try:
        for samples in pieces:
            yield encoder.add(np.asarray(samples, np.float32))
        yield encoder.end()
    finally:
        encoder.close()


def _wav(rate_hz: int) -> Encoder:
    """The largest lengths that fit: programs take them for `until the end`."""
    unknown = 0xFFFFFFFF
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", unknown, b"WAVE", b"fmt ", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    return _Samples(head + struct.pack("<4sI", b"data", unknown))


def _pcm(rate_hz: int) -> Encoder:
    return _at(PCM_HZ, rate_hz, _Samples())


def _mp3(rate_hz: int) -> Encoder:
    """A constant bit rate (64 kbit/s at 16 kHz), from which players know how long a stream without index is."""
    return _Sndfile(rate_hz, "MPEG_LAYER_III", format="MP3", bitrate_mode="CONSTANT", compression_level=0.6)


def _opus(rate_hz: int) -> Encoder:
    """Some 57 kbit/s, for which the codec works half as long as for the 30 of libsndfile's own choice."""
    to_hz = rate_hz if rate_hz in OPUS_HZ else PCM_HZ
    return _at(to_hz, rate_hz, _Sndfile(to_hz, "OPUS", format="OGG", compression_level=0.8))


def _flac(rate_hz: int) -> Encoder:
    return _Sndfile(rate_hz, "PCM_16", format="FLAC")


FORMATS: dict[str, Format] = {
    "mp3": Format("audio/mpeg", _mp3),
    "opus": Format("audio/ogg", _opus),
    "aac": Format("audio/aac", _Ffmpeg),
    "flac": Format("audio/flac", _flac),
    "wav": Format("audio/wav", _wav),
    "pcm": Format("audio/pcm", _pcm),
}


@lru_cache(maxsize=1)
def ffmpeg_path() -> str:
    """The system's ffmpeg, or the binary inside `imageio-ffmpeg`."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    import imageio_ffmpeg

    return imageio_ffmpeg.get_ffmpeg_exe()


def _at(to_hz: int, from_hz: int, encoder: Encoder) -> Encoder:
    return encoder if to_hz == from_hz else _Resampled(from_hz, to_hz, encoder)


def _sixteen_bits(samples: np.ndarray) -> bytes:
    return np.rint(np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes()
