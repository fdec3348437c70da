import gzip
import os
import tracemalloc

import pytest

from tasks.ingest.readers import lines, places
from tasks.ingest.readers.language import language_tag, one_language
from tasks.rowstore import Failure


def texts(path):
    return [(line.number, line.problem.reason if line.problem else line.text) for line in lines.text_lines(path)]


def test_lines_lose_their_ends_and_their_mark(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffone\r\ntwo\u2028still two\n\nfour".encode())
    assert [line.text for line in lines.text_lines(path)] == ["one", "two\u2028still two", "", "four"]
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert texts(tmp_path / "a.txt.gz")[0] == (1, "one")
    path.write_bytes(b"")
    assert texts(path) == []


def test_a_bad_line_is_one_bad_line(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\n\xff\xfe two\nnul\0nul\n" + b"x" * (lines.LINE_BYTES + 1) + b"\nfive")
    assert texts(path) == [(1, "one"), (2, "bad_text"), (3, "bad_text"), (4, "line_too_long"), (5, "five")]


def test_a_packed_file_that_breaks_off_gives_what_it_has(tmp_path):
    path = tmp_path / "a.gz"
    packed = gzip.compress(os.urandom(20_000).hex().encode().replace(b"0", b"\n"))
    path.write_bytes(packed[:5000])
    assert texts(path)[-1][1] == "truncated" and len(texts(path)) > 10
    assert lines.whole_text(path).reason == "truncated"
    path.write_bytes(b"not packed at all")
    assert texts(path) == [(1, "truncated")]


def test_a_bomb_is_not_unpacked_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "WHOLE_BYTES", 1_000_000)
    for line in (b"x" * 80 + b"\n", b"x" * 80):
        path = tmp_path / "bomb.gz"
        path.write_bytes(gzip.compress(line * 50_000))
        assert texts(path)[-1][1] == "decompression_bomb"


def test_a_line_of_200_megabytes_is_never_held(tmp_path):
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.write(b"one\n")
        file.truncate(200_000_000)
        file.seek(0, os.SEEK_END)
        file.write(b"\nthree\n")
    tracemalloc.start()
    try:
        assert texts(path) == [(1, "one"), (2, "line_too_long"), (3, "three")]
        assert tracemalloc.get_traced_memory()[1] < 5 * lines.LINE_BYTES
    finally:
        tracemalloc.stop()


def test_a_whole_text_is_bounded_and_knows_its_encoding(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("a\r\nб\rc".encode("utf-16"))
    assert lines.whole_text(path) == "a\nб\nc"
    path.write_bytes(b"x" * 101)
    assert lines.whole_text(path, limit=100).reason == "text_too_long"
    path.write_bytes(b"caf\xe9")
    assert lines.whole_text(path).reason == "bad_text"


@pytest.fixture
def corpus(tmp_path):
    """A corpus with a recording, and links and files around it that it must not reach."""
    folder = tmp_path / "corpus"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "secret.wav").write_text("secret")
    (tmp_path / "corpus2").mkdir()
    (tmp_path / "corpus2" / "a.wav").touch()
    (folder / "sub" / "a.wav").touch()
    (folder / "out.wav").symlink_to(tmp_path / "secret.wav")
    (folder / "up").symlink_to(tmp_path)
    (folder / "link.wav").symlink_to(folder / "sub" / "a.wav")
    (folder / "loop.wav").symlink_to(folder / "loop.wav")
    os.mkfifo(folder / "pipe.wav")
    return folder


@pytest.mark.parametrize("name", ["sub/a.wav", "sub/../sub/a.wav", "./sub//a.wav", "link.wav", "{}/sub/a.wav"])
def test_what_lies_in_the_corpus_is_found(corpus, name):
    assert places.inside(corpus, name.format(corpus)) == corpus / "sub" / "a.wav"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../secret.wav", "outside_corpus"),
        ("sub/../../secret.wav", "outside_corpus"),
        ("../corpus2/a.wav", "outside_corpus"),
        ("/etc/passwd", "outside_corpus"),
        ("out.wav", "outside_corpus"),
        ("up/secret.wav", "outside_corpus"),
        ("loop.wav", "missing_file"),
        ("pipe.wav", "missing_file"),
        ("sub", "missing_file"),
        ("", "missing_file"),
        ("b.wav", "missing_file"),
        ("a\0b", "missing_file"),
        ("x" * 3000, "missing_file"),
        ("x/" * 400_000, "missing_file"),
    ],
)
def test_what_does_not_is_named(corpus, name, reason):
    found = places.inside(corpus, name)
    assert isinstance(found, Failure) and found.reason == reason
    assert len(found.message) < 300


def test_a_manifest_that_moved_with_its_corpus_still_finds_its_files(corpus):
    (corpus / "data").mkdir()
    (corpus / "data" / "b.wav").touch()
    found = {
        "/export/old/corpus/sub/a.wav": corpus / "sub" / "a.wav",
        "old/sub/a.wav": corpus / "sub" / "a.wav",
        "b.wav": corpus / "data" / "b.wav",
        "../sub/a.wav": corpus / "sub" / "a.wav",
    }
    for name, path in found.items():
        assert places.moved(corpus, name, corpus / "data") == path
    for name in ("a/" * 400_000, "../../secret.wav", "/secret.wav", "/etc/../out.wav", "/x/up/secret.wav"):
        assert isinstance(places.moved(corpus, name, corpus / "data"), Failure)


def test_a_search_stays_in_the_folder_and_goes_by_depth(corpus):
    (corpus / "sub" / ".hidden.wav").touch()
    (corpus / "sub" / "__MACOSX").mkdir()
    (corpus / "sub" / "__MACOSX" / "x.wav").touch()
    (corpus / "sub" / "B.WAV").touch()
    (corpus / "z.wav").touch()
    assert list(places.find(corpus, "*.wav", "*.mp3")) == [
        corpus / name for name in ("link.wav", "z.wav", "sub/B.WAV", "sub/a.wav")
    ]
    assert list(places.find(corpus, "*.wav", entries=3)) == [corpus / "link.wav"]
    listed = [path.name for path in places.media(corpus)]
    assert listed == ["link.wav", "loop.wav", "out.wav", "B.WAV", "a.wav", "z.wav"]


def test_recordings_are_told_apart_by_as_little_as_needed(tmp_path):
    paths = [tmp_path / name for name in ("a.wav", "s/b.wav", "s/b.mp3", "s/b.2.wav")]
    assert list(places.recording_ids(tmp_path, paths).values()) == ["a", "s/b.wav", "s/b.mp3", "s/b.2"]


@pytest.mark.parametrize(
    ("stated", "tag"),
    [
        ("de", "de"),
        ("zh_HK", "zh-HK"),
        ("German", "de"),
        ("eng", "en"),
        ("EN-us", "en-US"),
        ("zh-hans-cn", "zh-Hans-CN"),
        ("yue", "yue"),
        ("  ", None),
    ],
)
def test_languages_become_tags(stated, tag):
    assert language_tag(stated) == tag


def test_what_is_no_language_is_said():
    assert language_tag("klingonese").reason == "bad_language"
    assert one_language(["de", None, "deu"]) == "de"
    assert one_language(["de", "en"]).message == "its labels state several languages (de, en); a recording has one"
    assert one_language([]) is None
