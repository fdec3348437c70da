"""ffmpeg as a decoder: a child that reads one local file and writes samples into a pipe, and no more than asked.

Letters: T samples, C channels.
"""

from __future__ import annotations

import math
import os
import re
import selectors
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from pathlib import Path

import numpy as np

from tasks.rowstore import Rejected

#: What may be opened. Play lists (hls, concat, dash, sdp) are not here: they name other files.
_FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,eac3,flac,flv,loas,matroska,mov,mp4,mp3,mpc,mpc8,mpeg,mpegts,"
    "nistsphere,nut,ogg,rm,shn,tak,truehd,tta,voc,w64,wav,webm,wv,g722,gsm,mulaw,alaw,s16le"
)
_MAX_ALLOC = 1 << 28
_STALL_S = 120.0
_BLOCK_BYTES = 1 << 22
_REPORT_BYTES = 1 << 16
#: A container's stated length is rounded, and codecs may drop a last frame.
_LENGTH_SLACK_S = 0.25
_CUT = re.compile("truncat|EOF|End of file|partial file|ended prematurely|Packet corrupt", re.I)
_PLAIN = re.compile(r"^\[[^]]*\] |Conversion failed!|^Error opening input files?\b.*")


@lru_cache(maxsize=1)
def ffmpeg_path() -> str:
    """The system's ffmpeg, or the binary inside `imageio-ffmpeg`."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    import imageio_ffmpeg

    return imageio_ffmpeg.get_ffmpeg_exe()


class _Report:
    """What ffmpeg says while it works, the beginning and the end of it, without the file's own name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._content = b""

    def add(self, content: bytes) -> None:
        self._content += content
        if len(self._content) > 2 * _REPORT_BYTES:
            self._content = self._content[:_REPORT_BYTES] + self._content[-_REPORT_BYTES // 2 :]

    def text(self) -> str:
        return self._content.decode(errors="replace").replace(self._name, "")

    def is_cut(self) -> bool:
        """Whether a complaint, not a title in the file, says that something is missing."""
        complaints = re.findall(r"^(?:\[|Error|Truncating).*", self.text(), re.MULTILINE)
        return any(_CUT.search(line) for line in complaints)

    def promised_s(self) -> float | None:
        """The length of the audio as the container states it, where that is neither a guess nor the film's."""
        text = self.text()
        stated = re.search(r"Duration: (\d+):(\d\d):(\d\d\.\d+)", text)
        if not stated or re.search(r"Input #0, (aac|mp3|loas|g722|gsm|mulaw|alaw|s16le)|Estimating duration", text):
            return None
        hours, minutes, seconds = map(float, stated.groups())
        return hours * 3600 + minutes * 60 + seconds

    def has_video(self) -> bool:
        return re.search(r"Stream #0:.*: Video: (?!.*attached pic)", self.text()) is not None

    def failure(self) -> Rejected:
        """Why there are no samples."""
        text = self.text()
        lines = [_PLAIN.sub("", line).strip() for line in text.splitlines()]
        said = next((line for line in reversed(lines) if line and not line.startswith("Output")), "no reason given")
        return Rejected("truncated" if self.is_cut() else "not_audio", f"ffmpeg could not read it: {said}")


@contextmanager
def ffmpeg_blocks(
    path: Path, codec: tuple[str, ...], max_duration_s: float
) -> Iterator[tuple[int, Iterator[np.ndarray]]]:
    """The rate in Hz and the samples, float32 (T, C) block by block, of the first audio stream.

    `codec` holds ffmpeg's input options for a file without a header. Raises `Rejected` with `not_audio`,
    `truncated`, `too_long` (the container says so) or `unreadable` (nothing came for two minutes).
    """
    command = [ffmpeg_path(), "-nostdin", "-nostats", "-hide_banner", "-max_alloc", str(_MAX_ALLOC), "-threads", "1"]
    command += ["-protocol_whitelist", "file,pipe", "-format_whitelist", _FORMATS, *codec]
    command += ["-i", f"file:{path.absolute()}"]
    command += ["-map", "0:a:0", "-vn", "-sn", "-dn", "-c:a", "pcm_f32be", "-threads", "1"]
    command += ["-t", f"{max_duration_s + 1:.3f}"] if math.isfinite(max_duration_s) else []
    command += ["-flush_packets", "0", "-f", "au", "pipe:1"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as process:
        report = _Report(str(path.absolute()))
        try:
            yield _decoded(process, report, max_duration_s)
        finally:
            process.kill()


def _decoded(process: subprocess.Popen, report: _Report, max_duration_s: float) -> tuple[int, Iterator[np.ndarray]]:
    """Rate and blocks from ffmpeg's AU output; its header, unlike WAV's, need not know the length."""
    pieces = _pieces(process, report)
    head = next(pieces, b"")
    if len(head) < 24:
        raise report.failure()
    offset, _length, _encoding, rate, channels = struct.unpack(">5I", head[4:24])
    if (report.promised_s() or 0) > max_duration_s:
        raise Rejected("too_long", f"the header says {report.promised_s():.0f} s, above {max_duration_s:g} s")

    def blocks() -> Iterator[np.ndarray]:
        rest, total, width = head[offset:], 0, 4 * channels
        for piece in chain([b""], pieces):
            rest += piece
            usable = len(rest) // width
            if usable:
                yield np.frombuffer(rest, ">f4", count=usable * channels).reshape(-1, channels).astype(np.float32)
            rest, total = rest[usable * width :], total + usable
        _check_end(process.wait(), report, total / rate)

    return rate, blocks()


def _check_end(returncode: int, report: _Report, found_s: float) -> None:
    if returncode or not found_s:
        raise report.failure()
    promised = report.promised_s()
    if report.has_video():  # its sound may well end before the picture
        if report.is_cut():
            raise Rejected("truncated", f"the file is cut after {found_s:.2f} s of sound")
    elif promised is not None and found_s < promised - _LENGTH_SLACK_S:
        raise Rejected("truncated", f"the header promises {promised:.2f} s, {found_s:.2f} s are there")


def _pieces(process: subprocess.Popen, report: _Report) -> Iterator[bytes]:
    """What comes out of ffmpeg, some MB at a time; what it says goes to the report."""
    assert process.stdout is not None and process.stderr is not None
    held: list[bytes] = []
    deadline = time.monotonic() + _STALL_S
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        waiting.register(process.stderr, selectors.EVENT_READ)
        while waiting.get_map():
            ready = waiting.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise Rejected("unreadable", f"ffmpeg gave nothing for {_STALL_S:.0f} s", retryable=True)
            for key, _events in ready:
                piece = os.read(key.fd, 1 << 20)
                if not piece:
                    waiting.unregister(key.fileobj)
                elif key.fileobj is process.stderr:
                    report.add(piece)
                else:
                    held.append(piece)
                    deadline = time.monotonic() + _STALL_S
            if sum(map(len, held)) >= _BLOCK_BYTES:
                yield b"".join(held)
                held.clear()
                deadline = time.monotonic() + _STALL_S  # whoever took it may have been slow
    if held:
        yield b"".join(held)
