"""More than sixty hostile inputs in one run: each is named with its right reason, the good ones beside them survive."""

import functools
import io
import json
import os
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile as sf

from tasks.audio import ffmpeg_path

RATE = 16000
#: What a run may take beyond Python with its packages, in MB: none of the inputs is ever whole in memory.
MEMORY_MB = 300
MAX_DURATION_S = 3700.0
GOOD = 3

#: Run in a process of its own: everything that is opened, executed or fetched is noted.
WATCHED = """
import json, resource, sys
from pathlib import Path
seen = {"opened": [], "executed": [], "connected": []}
def watch(event, given):
    if event == "open" and isinstance(given[0], str | bytes):
        seen["opened"].append(given[0] if isinstance(given[0], str) else given[0].decode())
    elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
        seen["executed"].append(str(given[0]))
    elif event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        seen["connected"].append(str(given))
import numpy, pyarrow.parquet, pyloudnorm, scipy.signal, soundfile, soxr
from tasks import ingest
from tasks.ingest import readers
from tasks.stage import run_stage
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sys.addaudithook(watch)
run_stage("ingest", Path.cwd())
seen["grown_mb"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
print(json.dumps(seen))
"""


@functools.cache
def sound(seconds=1.0, channels=1):
    generator = np.random.default_rng(int(1000 * seconds) + channels)
    return (0.1 * generator.standard_normal((int(RATE * seconds), channels))).astype(np.float32)


def wav(wave=None, rate=RATE, subtype="PCM_16", **patches):
    """A WAV's bytes; patches: at_N=bytes put there."""
    buffer = io.BytesIO()
    sf.write(buffer, sound() if wave is None else wave, rate, format="WAV", subtype=subtype)
    content = bytearray(buffer.getvalue())
    for at, value in patches.items():
        start = int(at.removeprefix("at_"))
        content[start : start + len(value)] = value
    return bytes(content)


@functools.cache
def encoded(suffix, *options):
    """A second of sound as ffmpeg writes it into a pipe, or a file where it must."""
    command = [ffmpeg_path(), "-v", "error", "-y", "-f", "wav", "-i", "pipe:0", *options]
    if suffix in (".gsm", ".m4a", ".mp4", ".mkv", ".mp3", ".aiff"):
        import tempfile

        with tempfile.NamedTemporaryFile(suffix=suffix) as file:
            subprocess.run([*command, file.name], input=wav(), check=True)
            return open(file.name, "rb").read()
    return subprocess.run([*command, "-f", suffix[1:], "pipe:1"], input=wav(), check=True, capture_output=True).stdout


def cut(suffix, *options, share=0.6):
    content = encoded(suffix, *options)
    return content[: int(len(content) * share)]


def written(kind, subtype):
    buffer = io.BytesIO()
    sf.write(buffer, sound(), RATE, format=kind, subtype=subtype)
    return buffer.getvalue()


def endless_silence(path):
    """A FLAC of some hundred kB that unpacks to hours, and does not say so."""
    with sf.SoundFile(path, "w", 8000, 1, format="FLAC") as file:
        for _ in range(64):
            file.write(np.zeros(60 * 8000, np.int16))
    content = bytearray(path.read_bytes())
    content[21:26] = bytes([content[21] & 0xF0, 0, 0, 0, 0])
    path.write_bytes(content)


def claimed_hours(path):
    content = bytearray(written("FLAC", "PCM_16"))
    content[21:26] = bytes([content[21] & 0xF0]) + struct.pack(">I", 3_000_000_000)
    path.write_bytes(content)


def silent_hour(path, seconds=3600, rate=8000):
    """A sparse file: an hour of zeros."""
    path.write_bytes(wav(np.zeros(0), rate, at_40=struct.pack("<I", 2 * rate * seconds)))
    os.truncate(path, 44 + 2 * rate * seconds)


def zipped():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.wav", bytes(1_000_000))
    return buffer.getvalue()


PLAYLIST = "#EXTM3U\n#EXTINF:1,\n{outside}\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile good0.wav\n"
DASH = "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><BaseURL>{outside}</BaseURL></MPD>"
PICTURE = ("-f", "lavfi", "-t", "1", "-i", "color=size=32x32:rate=5", "-movflags", "faststart")

#: File name → reason, and the file's bytes, text ({outside} is a file elsewhere), or what makes it.
FILES = {
    "empty.wav": ("empty_file", b""),
    "header_only.wav": ("not_audio", wav(np.zeros(0))),
    "half_header.wav": ("truncated", wav()[:30]),
    "cut.wav": ("truncated", wav()[:9000]),
    "cut.aiff": ("truncated", lambda: cut(".aiff")),
    "cut.flac": ("truncated", lambda: written("FLAC", "PCM_16")[:9000]),
    "cut.ogg": ("truncated", lambda: written("OGG", "VORBIS")[:6000]),
    "cut.opus": ("truncated", lambda: written("OGG", "OPUS")[:3000]),
    "cut.mp3": ("truncated", lambda: cut(".mp3")),
    "cut_plain.mp3": ("truncated", lambda: encoded(".mp3", "-write_xing", "0")[:-90]),
    "cut.m4a": ("truncated", lambda: cut(".m4a")),
    "cut_first.m4a": ("truncated", lambda: encoded(".m4a", "-movflags", "faststart")[:-900]),
    "cut.aac": ("truncated", lambda: cut(".adts")),
    "cut_film.mp4": ("truncated", lambda: cut(".mp4", *PICTURE)),
    "cut_film.mkv": ("truncated", lambda: cut(".mkv", *PICTURE)),
    "cut.gsm": ("truncated", bytes(range(1, 251))),
    "promises_more.wav": ("truncated", wav(at_40=struct.pack("<I", 10**6))),
    "promises_less.wav": ("truncated", wav(at_40=struct.pack("<I", 2000))),
    "rate_0.wav": ("not_audio", wav(at_24=bytes(4))),
    "rate_1.wav": ("not_audio", wav(at_24=struct.pack("<I", 1))),
    "rate_2e9.wav": ("not_audio", wav(at_24=struct.pack("<I", 2**31 - 1))),
    "channels_0.wav": ("not_audio", wav(at_22=bytes(2))),
    "channels_60000.wav": ("not_audio", wav(at_22=struct.pack("<H", 60000))),
    "bits_0.wav": ("not_audio", wav(at_34=bytes(2))),
    "wav_in_wav.wav": ("not_audio", wav(at_44=wav()[:44])),
    "picture_in_riff.wav": ("not_audio", b"RIFF\x24\0\0\0WEBPVP8 " + bytes(400)),
    "nan.wav": ("not_audio", wav(np.where(sound() > 0.2, np.nan, sound()), subtype="FLOAT")),
    "infinite.wav": ("not_audio", wav(np.where(sound() > 0.2, np.inf, sound()), subtype="FLOAT")),
    "beyond_bounds.wav": ("not_audio", wav(np.where(sound() > 0.2, 1e30, sound()), subtype="FLOAT")),
    "silent.wav": ("silent", wav(np.zeros((RATE, 2)))),
    "silent_8_channels.wav": ("silent", wav(np.zeros((RATE, 8)))),
    "silent_hour.wav": ("silent", silent_hour),
    "two_samples.wav": ("too_short", wav(sound()[:2], rate=192000)),
    "bomb.flac": ("too_long", endless_silence),
    "claims_hours.flac": ("too_long", claimed_hours),
    "sparse_hours.wav": ("too_long", functools.partial(silent_hour, seconds=40000)),
    "text.wav": ("not_audio", "This is no sound.\n"),
    "text.g722": ("not_audio", "This is no sound, and no codec can tell.\n"),
    "picture.wav": ("not_audio", b"\x89PNG\r\n\x1a\n" + bytes(400)),
    "archive.wav": ("not_audio", zipped),
    "program.g722": ("not_audio", b"\x7fELF" + bytes(400)),
    "document.mp3": ("not_audio", b"%PDF-1.7\n" + bytes(400)),
    "noise.wav": ("not_audio", np.random.default_rng(1).bytes(20000)),
    "noise.au": ("not_audio", np.random.default_rng(2).bytes(20000)),
    "list.mp3": ("not_audio", PLAYLIST),
    "binary_list.mp3": ("not_audio", PLAYLIST + "#\x01\n"),
    "concat.mp3": ("not_audio", CONCAT + "#\x01\n"),
    "dash.m4a": ("not_audio", DASH + "\x01"),
    "fetch.mp3": ("not_audio", PLAYLIST.replace("{outside}", "http://127.0.0.1:9/a.mp3") + "#\x01\n"),
    "waiting.wav": ("missing_file", os.mkfifo),
    "folder.wav": (None, os.mkdir),  # a folder is no recording: only its line in the table is refused, below
    "loop.wav": ("missing_file", lambda path: path.symlink_to(path.name)),
}
#: Strange, but of use.
FINE = {
    "eight.wav": wav(sound(1.0, 8)),
    "inverted.wav": wav(np.concatenate((sound(), -sound()), axis=1)),
    "tiny.wav": wav(sound(0.05)),
    "mp3.wav": lambda: encoded(".mp3"),
    "wav.g722": wav(),
    "streamed.wav": wav(at_40=b"\xff\xff\xff\xff"),
    "$(touch canary);touch canary.wav": wav(),
    "-i canary.wav": wav(),
    "concat:canary.wav": wav(),
    "film.mp4": lambda: encoded(".mp4", *PICTURE),
}


def put(path, made, outside):
    """Make a file from its bytes, its text, or what makes it."""
    if callable(made):
        try:
            made = made()
        except TypeError:
            made(path)
            return
    path.write_bytes(made if isinstance(made, bytes) else made.replace("{outside}", str(outside)).encode())


def add_good(folder, name="good"):
    for number in range(GOOD):
        sf.write(folder / f"{name}{number}.wav", sound(0.4 + 0.1 * number), RATE)


def files(folder, outside):
    """Recordings that are wrong, and a metadata.csv that is."""
    add_good(folder)
    lines = [f"good{number}|words" for number in range(GOOD)]
    for number, (name, made) in enumerate(FINE.items()):
        put(folder / name, made, outside)
        lines.append(f"{name}|words of {number}")
    expected = {}
    for name, (reason, made) in FILES.items():
        put(folder / name, made, outside)
        lines.append(f"{name}|words")
        expected[name] = reason or "missing_file"
    (folder / "link.wav").symlink_to(outside)
    for name in ("link", "../../../outside.wav", str(outside), "gone", "good1", "unsaid"):
        lines.append(f"{name}|words" if name != "unsaid" else "good2b||")
    sf.write(folder / "good2b.wav", sound(0.9), RATE)
    sf.write(folder / "bobs.wav", sound(0.8), RATE)
    lines.append("bobs|I never agreed||bob")
    with (folder / "metadata.csv").open("wb") as file:
        file.write("\n".join(lines).encode() + b"\nlatin|caf\xe9\n" + b"nul|a\0b\n")
        file.write(b"long|")
        file.seek(200_000_000, os.SEEK_CUR)  # a line of 200 MB
        file.write(b"\ngood0|an id that comes twice\n")
    count = len(lines)
    return expected | {
        "link": "outside_corpus",
        "outside.wav": "outside_corpus",
        str(outside).lstrip("/"): "outside_corpus",
        "gone": "missing_file",
        "good1": "duplicate_id",
        "good0": "duplicate_id",
        "good2b": "no_transcript",
        "bobs": "no_consent",
        f"metadata.csv:{count + 1}": "bad_text",
        f"metadata.csv:{count + 2}": "bad_text",
        f"metadata.csv:{count + 3}": "line_too_long",
    }


def kaldi(folder, outside):
    add_good(folder)
    scp = {
        "piped": "touch canary; cat good0.wav |",
        "quoted": "| sh -c 'touch canary'",
        "absolute": str(outside),
        "above": "../../../outside.wav",
        "ark": "feats.ark:123",
        "gone": "gone.wav",
        "talk": "good0.wav",
        "late": "good1.wav",
    }
    times = {"piped-1": "piped 0 1", "quoted-1": "quoted 0 1", "absolute-1": "absolute 0 1", "above-1": "above 0 1"}
    times |= {"ark-1": "ark 0 1", "gone-1": "gone 0 1", "talk-1": "talk 0 0.3", "talk-2": "talk 0.3 0.1"}
    times |= {"talk-3": "talk nan 0.1", "talk-4": "talk -1 0.1", "talk-5": "talk 0.1 7", "late-1": "late 90 91"}
    times |= {"nobody-1": "nobody 0 1", "talk-6": "talk zero one"}
    for name, table in (("wav.scp", scp), ("segments", times), ("text", dict.fromkeys(times, "some words"))):
        (folder / name).write_text("".join(f"{key} {value}\n" for key, value in table.items()))
    return {
        "piped": "pipe",
        "quoted": "pipe",
        "absolute": "outside_corpus",
        "above": "outside_corpus",
        "ark": "archive",
        "gone": "missing_file",
        "nobody": "missing_file",
        "late": "no_transcript",
        "late/late-1": "bad_label",
        **{f"talk/talk-{number}": "bad_label" for number in range(2, 7)},
    }


def audacity(folder, outside):
    add_good(folder)
    tracks = {
        "good0": "0.0\t0.3\tfine\n0.3\t0.1\tbackwards\n-1.0\t0.2\tearly\n0.1\t9\tlate\n",
        "good1": "0.0\t0.3\tfine\n1e99\t2\tnever\nx\ty\tz\n",
        "good2": "0.0\t0.3\tfine\n" + "0.1\t0.2\t" + "w" * 1_100_000 + "\n",
    }
    for name, track in tracks.items():
        (folder / f"{name}.txt").write_text(track)
    (folder / "gone.txt").write_text("0.0\t0.3\tfine\n")
    return {
        "good0/label-2": "bad_label",
        "good0/label-3": "bad_label",
        "good0/00000100": "bad_label",
        "good1/label-2": "bad_label",
        "good1/label-3": "bad_label",
        "good2/label-2": "line_too_long",
        "gone": "missing_file",
    }


def book(folder, outside):
    for name in ("fine", "bomb", "torn"):
        (folder / name).mkdir()
        sf.write(folder / name / "chapter.wav", sound(0.5), RATE)
    (folder / "fine" / "book.txt").write_text("Words of a book. " * 200)
    with zipfile.ZipFile(folder / "bomb" / "book.epub", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("mimetype", "application/epub+zip")
        rootfile = '<rootfile full-path="a.opf" media-type="application/oebps-package+xml"/>'
        file.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
            f"<rootfiles>{rootfile}</rootfiles></container>",
        )
        item = '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
        file.writestr(
            "a.opf",
            f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{item}</manifest>'
            '<spine><itemref idref="a"/></spine></package>',
        )
        with file.open("a.xhtml", "w") as chapter:
            for _ in range(300):
                chapter.write(b"a " * 500_000)
    (folder / "torn" / "book.epub").write_bytes(zipped()[:-30])
    return {"bomb/chapter": "decompression_bomb", "torn/chapter": "bad_book"}


def table(folder, outside):
    cells = [wav(sound(0.5)), None, b"", b"no sound at all", wav()[:5000], wav(at_24=bytes(4))]
    names = ["fine", "none", "empty", "text", "cut", "rate"]
    rows = {"audio": [{"bytes": cell, "path": f"{name}.wav"} for cell, name in zip(cells, names, strict=True)]}
    rows |= {"id": names, "text": ["words"] * len(names)}
    pq.write_table(pa.table(rows), folder / "train.parquet")
    (folder / "torn.parquet").write_bytes((folder / "train.parquet").read_bytes()[:-200])
    return {
        "none": "missing_file",
        "empty": "empty_file",
        "text": "not_audio",
        "cut": "truncated",
        "rate": "not_audio",
        "torn.parquet": "bad_manifest",
    }


CORPORA = {"files": ("ljspeech", files), "kaldi": ("kaldi", kaldi), "labels": ("audacity", audacity)}
CORPORA |= {"books": ("book", book), "table": ("huggingface", table)}


@pytest.fixture
def hostile(new_project):
    """A project of these corpora, and what must be said of each input."""
    project = new_project()
    outside = project.root / "outside.wav"
    sf.write(outside, sound(0.7), RATE)
    expected, corpora = {}, []
    for name, (reader, make) in CORPORA.items():
        folder = project.root / "data" / "raw" / name
        folder.mkdir()
        expected |= {f"{name}/{row_id}": reason for row_id, reason in make(folder, outside).items()}
        corpora.append({**project.params["corpora"][0], "name": name, "reader": reader})
    project.params["corpora"] = corpora
    project.params["ingest"].update(max_error_rate=1.0, max_duration_s=MAX_DURATION_S)
    project.write_params(project.params)
    return project, expected


@pytest.mark.slow
def test_every_hostile_input_is_named_and_nothing_else_happens(hostile):
    project, expected = hostile
    assert len(expected) >= 60
    environment = project.environment(VOICELOOM_WORKERS="0", http_proxy="http://127.0.0.1:9")
    command = [sys.executable, "-c", WATCHED]
    done = subprocess.run(
        command, cwd=project.root, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    rows = project.rows("data/quarantine/ingest.parquet")
    assert {row["id"]: row["reason"] for row in rows} == expected and len(rows) == len(expected)
    assert all(row["message"] and "\n" not in row["message"] for row in rows)
    kept = {
        row["id"] for path in (project.root / "data/recordings").iterdir() for row in pq.read_table(path).to_pylist()
    }
    names = {f"good{number}" for number in range(GOOD)} | set(FINE)
    assert kept >= {f"files/{name}" for name in names} | {f"labels/good{number}" for number in range(GOOD)}
    assert kept >= {"kaldi/talk", "books/fine/chapter", "table/fine"}
    seen = json.loads(done.stdout.splitlines()[-1])
    assert not [path for path in project.root.rglob("*") if path.name == "canary"]
    assert set(seen["executed"]) == {ffmpeg_path()} and not seen["connected"]
    assert not [path for path in seen["opened"] if path.endswith(("outside.wav", "/etc/passwd"))]
    assert seen["grown_mb"] < MEMORY_MB
