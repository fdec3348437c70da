"""What a file's name, first and last bytes tell before anything decodes it."""

from __future__ import annotations

import os
import re
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from tasks.rowstore import Rejected

#: Codecs without a header: the suffix alone says how to read them; ffmpeg's input options for each.
HEADERLESS = {
    ".g722": ("-f", "g722"),
    ".gsm": ("-f", "gsm"),
    ".ulaw": ("-f", "mulaw", "-ar", "8000"),
    ".alaw": ("-f", "alaw", "-ar", "8000"),
    ".sln16": ("-f", "s16le", "-ar", "16000"),
}
_SOUND = ".wav .flac .ogg .oga .opus .mp3 .m4a .m4b .aac .aif .aiff .aifc .au .caf .amr .wma .w64 .sph .mka .mp2 .ac3"
_VIDEO = ".webm .mp4 .m4v .mkv .mov .avi .mpg .mpeg .m2ts .wmv .flv .3gp .ogv"
#: What counts as a recording when a folder is searched.
SUFFIXES = (*_SOUND.split(), *_VIDEO.split(), *HEADERLESS)

_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
#: Byte order and audio chunk of the chunked formats, by how they begin.
_CHUNKED = {(b"RIFF", b"WAV"): ("<", b"data"), (b"FORM", b"AIF"): (">", b"SSND")}
_STREAMED = 0xFFFFF000  # a writer that did not know the length in advance leaves a number like this
#: A container with a header is read by what it is, whatever its suffix says.
_SOUND_MAGIC = (b"RIFF", b"RF64", b"FORM", b"fLaC", b"OggS", b"caff", b"\x1aE\xdf\xa3")
_OTHER_MAGIC = {
    b"\x89PNG": "an image",
    b"GIF8": "an image",
    b"\xff\xd8\xff\xe0": "an image",
    b"PK\x03\x04": "a ZIP archive",
    b"%PDF": "a PDF document",
    b"\x7fELF": "a program",
}
_FRAME_BYTES = {".gsm": 33, ".sln16": 2}
_NEEDED_BOXES = (b"moov", b"mdat", b"moof")
_TAIL_BYTES = 1 << 16
#: kbit/s of MPEG layer III frames, by whether they are of version 1.
_MP3_KBITS = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
}


def check_container(path: Path) -> tuple[str, ...]:
    """ffmpeg's input options for a codec without a header, else none.

    Raises `Rejected` with `empty_file`, `truncated` or `not_audio` for what needs no decoder to be known.
    """
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise Rejected("not_audio", "it is no regular file")
    with path.open("rb") as file:
        head = file.read(4096)
        _check_kind(head)
        codec = HEADERLESS.get(path.suffix.lower(), ())
        if codec and not head.startswith(_SOUND_MAGIC):
            _check_whole_frames(path.suffix.lower(), state.st_size)
            return codec
        if (head[:4], head[8:11]) in _CHUNKED:
            _check_chunks(file, state.st_size)
        elif head[4:8] == b"ftyp":
            _check_boxes(file, state.st_size)
        else:
            _check_end(head, _tail(file, state.st_size))
    return ()


def has_mp3_index(path: Path) -> bool:
    """Whether the first frame of an MP3 says how many there are; a decoder guesses otherwise."""
    with path.open("rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3":
            size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
            file.seek(10 + size)
        return re.search(rb"Xing|Info|VBRI", head + file.read(400)) is not None


def _check_kind(head: bytes) -> None:
    if not head:
        raise Rejected("empty_file", "the file has no bytes")
    if _is_text(head):
        raise Rejected("not_audio", "the file holds text")
    for magic, kind in _OTHER_MAGIC.items():
        if head.startswith(magic):
            raise Rejected("not_audio", f"the file is {kind}")


def _is_text(head: bytes) -> bool:
    """Whether bytes are plain text, which a codec without a header would turn into noise."""
    if _CONTROL.search(head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"  # the last character is cut, nothing else is wrong
    return True


def _check_whole_frames(suffix: str, size: int) -> None:
    if size % _FRAME_BYTES.get(suffix, 1):
        raise Rejected("truncated", f"{size} bytes are no whole number of {suffix[1:]} frames")


def _check_chunks(file: BinaryIO, size: int) -> None:
    """Raise when a WAV or AIFF promises more, or covers less, than there is; libsndfile would not say."""
    file.seek(0)
    start = file.read(12)
    order, wanted = _CHUNKED[start[:4], start[8:11]]
    while len(header := file.read(8)) == 8:
        name, length = struct.unpack(f"{order}4sI", header)
        here = file.tell()
        if name == wanted:
            if length < _STREAMED:
                _check_length(file, here, length, size)
            return
        file.seek(here + length + length % 2)
    raise Rejected("truncated", "the file ends before its audio begins")


def _check_length(file: BinaryIO, start: int, length: int, size: int) -> None:
    """Compare the audio chunk's stated length with what is there."""
    if start + length > size:
        raise Rejected("truncated", f"the header promises {length} bytes of audio, {size - start} are there")
    file.seek(start)
    if re.match(rb"RIFF....WAVE", file.read(min(12, length)), re.DOTALL):
        raise Rejected("not_audio", "the file holds another WAV file, not samples")
    file.seek(start + length + length % 2)
    rest, follows = size - start - length, file.read(4)
    if rest > max(4096, length // 100) and any(follows) and not follows.isascii():
        raise Rejected("truncated", f"the header covers {length} bytes of audio, {rest} more follow")


def _check_boxes(file: BinaryIO, size: int) -> None:
    """Raise `truncated` when a box of an MP4 or QuickTime file ends beyond the file, or the index is not there."""
    at, names = 0, set()
    while at + 8 <= size:
        file.seek(at)
        header = file.read(16)
        length, name = struct.unpack(">I4s", header[:8])
        if length == 1 and len(header) == 16:
            length = struct.unpack(">Q", header[8:])[0]
        length = max(length, 8) if length else size - at  # 0: up to the end
        if at + length > size:
            if name in _NEEDED_BOXES:
                raise Rejected("truncated", f"its {name.decode()} box ends {at + length - size} bytes after the file")
            break
        names.add(name)
        at += length
    if b"moov" not in names:
        raise Rejected("truncated", "its index (moov box) is not there")


def _tail(file: BinaryIO, size: int) -> bytes:
    file.seek(-min(size, _TAIL_BYTES), os.SEEK_END)
    return file.read()


def _check_end(head: bytes, tail: bytes) -> None:
    """Raise `truncated` when the last Ogg page is cut or not the last one, or the last AAC or MP3 frame is cut."""
    if head[:4] == b"OggS":
        at = tail.rfind(b"OggS\x00")
        page = tail[at:]
        segments = page[27 : 27 + page[26]] if at >= 0 and len(page) > 26 else b""
        if not segments or len(page) < 27 + len(segments) + sum(segments):
            raise Rejected("truncated", "its last Ogg page is cut")
        if not page[5] & 4:
            raise Rejected("truncated", "its last Ogg page is not marked as the last one")
    elif _adts_bytes(head) and _cut_within_frame(tail, _adts_bytes):
        raise Rejected("truncated", "its last AAC frame is cut")
    elif (head[:3] == b"ID3" or _mp3_bytes(head)) and _cut_within_frame(tail, _mp3_bytes):
        raise Rejected("truncated", "its last MP3 frame is cut")


def _cut_within_frame(tail: bytes, frame_bytes: Callable[[bytes], int]) -> bool:
    """Whether a chain of frames runs beyond the end; False where no chain is found."""
    start = tail.find(b"\xff")
    while start >= 0:
        at, frames = start, 0
        while at + 7 <= len(tail) and (length := frame_bytes(tail[at : at + 7])):
            at, frames = at + length, frames + 1
        if frames > 3:
            return at > len(tail)
        start = tail.find(b"\xff", start + 1)
    return False


def _adts_bytes(header: bytes) -> int:
    """The length of the AAC frame with this ADTS header (ISO 13818-7, 6.2), else 0."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0


def _mp3_bytes(header: bytes) -> int:
    """The length of the MPEG layer III frame with this header (ISO 11172-3, 2.4.1.3), else 0."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2 or header[2] & 0x0C == 0x0C:
        return 0
    version = header[1] >> 3 & 3  # 3: 1, 2: 2, 0: 2.5
    kbits = _MP3_KBITS[version == 3][header[2] >> 4]
    rate_hz = (44100, 48000, 32000)[header[2] >> 2 & 3] // {3: 1, 2: 2, 1: 1, 0: 4}[version]
    return (
        (144000 if version == 3 else 72000) * kbits // rate_hz + (header[2] >> 1 & 1) if kbits and version != 1 else 0
    )
