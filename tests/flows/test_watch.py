"""New data: what a listing tells, when it has settled, and how it is taken in."""

import os
import time

import fsspec
import pytest
import yaml

from flows.arrivals import let_settle, mirror, take_in
from flows.schedule import Watch
from flows.settings import change_params
from flows.watch import Settling, fingerprint, listing
from tasks.fetch.content import content_sha256


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "arrivals"
    (folder / "wavs").mkdir(parents=True)
    (folder / "metadata.csv").write_text("a|One.\n")
    (folder / "wavs" / "a.wav").write_bytes(b"sound")
    return folder


@pytest.fixture
def bucket():
    fs = fsspec.filesystem("memory")
    fs.pipe("/bucket/eva/metadata.csv", b"a|One.\n")
    fs.pipe("/bucket/eva/wavs/a.wav", b"sound")
    yield fs
    fs.rm("/bucket", recursive=True)


def test_every_file_counts_but_those_hidden_or_unfinished(folder):
    for name in (".hidden", "b.wav.partial", "c.wav.tmp", "d.wav~"):
        (folder / name).write_text("x")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "e.wav").write_text("x")
    assert list(listing(str(folder))) == ["metadata.csv", "wavs/a.wav"]


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "b.wav").write_bytes(b"more"),
        lambda folder: (folder / "wavs" / "a.wav").unlink(),
        lambda folder: os.utime(folder / "wavs" / "a.wav", ns=(1, 1)),
        lambda folder: (folder / "wavs" / "a.wav").rename(folder / "wavs" / "b.wav"),
    ],
)
def test_each_change_changes_the_fingerprint(folder, change):
    before = fingerprint([str(folder)])
    assert fingerprint([str(folder)]) == before
    change(folder)
    assert fingerprint([str(folder)]) != before


def test_a_url_is_listed_alike(bucket, folder):
    assert list(listing("memory://bucket/eva")) == list(listing(str(folder)))
    before = fingerprint(["memory://bucket/eva"])
    assert fingerprint(["memory://bucket/eva"]) == before
    bucket.pipe("/bucket/eva/wavs/a.wav", b"other")
    assert fingerprint(["memory://bucket/eva"]) != before


def test_whatever_a_store_raises_is_one_sentence_without_its_password(monkeypatch):
    def away(*_, **__):
        raise RuntimeError("endpoint\nis away")

    monkeypatch.setattr("fsspec.core.url_to_fs", away)
    with pytest.raises(OSError, match=r"^ftp://host/speech cannot be read: endpoint is away$"):
        listing("ftp://eva:secret@host/speech")


def test_a_folder_that_is_just_being_filled_is_waited_for(folder):
    begun = time.time()
    let_settle(folder, 0.5)
    assert time.time() - max(path.stat().st_ctime for path in folder.rglob("*.*")) >= 0.5 > time.time() - begun - 0.2


def test_nothing_there_is_no_new_data(tmp_path):
    (tmp_path / "empty").mkdir()
    assert fingerprint([str(tmp_path / "empty")]) is None
    for place in (str(tmp_path / "gone"), "memory://gone"):
        with pytest.raises(FileNotFoundError, match="is not there"):
            listing(place)


def test_what_still_changes_has_not_settled():
    now = [0.0]
    settling = Settling(60, clock=lambda: now[0])
    seen = []
    for seconds, found in [(0, "a"), (30, "a"), (59, "b"), (100, "b"), (119, "b"), (150, None), (151, "b"), (211, "b")]:
        now[0] = seconds
        seen.append(settling.settled(found))
    assert seen == [False, False, False, False, True, False, False, True]


def test_a_url_is_copied_whole_and_only_what_changed(bucket, tmp_path):
    folder = tmp_path / "eva"
    mirror("memory://bucket/eva", folder)
    assert (folder / "wavs" / "a.wav").read_bytes() == b"sound"
    kept = (folder / "metadata.csv").stat().st_mtime_ns
    bucket.pipe("/bucket/eva/wavs/b.wav", b"new")
    bucket.rm("/bucket/eva/wavs/a.wav")
    mirror("memory://bucket/eva", folder)
    assert list(listing(str(folder))) == ["metadata.csv", "wavs/b.wav"]
    assert (folder / "metadata.csv").stat().st_mtime_ns == kept


def test_an_emptied_url_removes_nothing(bucket, tmp_path):
    mirror("memory://bucket/eva", tmp_path / "eva")
    bucket.rm("/bucket/eva", recursive=True)
    bucket.mkdir("/bucket/eva")
    with pytest.raises(ValueError, match="holds no files"):
        mirror("memory://bucket/eva", tmp_path / "eva")
    assert len(listing(str(tmp_path / "eva"))) == 2


def declare(project, *folders):
    params = yaml.safe_load((project.root / "params.yaml").read_text())
    terms = {"reader": "auto", "speaker": "Eva", "language": "en-US", "licence": "CC0-1.0"}
    params["corpora"] = [
        {"name": folder.name, "source": {"kind": "folder", "path": str(folder)}, **terms} for folder in folders
    ]
    (project.root / "params.yaml").write_text(yaml.safe_dump(params))


def pinned(project):
    params = yaml.safe_load((project.root / "params.yaml").read_text())
    return {corpus["name"]: corpus["source"].get("sha256") for corpus in params["corpora"]}


def test_only_watched_corpora_are_pinned_anew(project, folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.wav").write_bytes(b"sound")
    declare(project, folder, other)
    watched = [Watch(place=str(folder / "wavs"))]
    assert take_in(project.root, watched) == ["arrivals"]
    assert pinned(project) == {"arrivals": content_sha256(folder), "other": None}
    assert take_in(project.root, watched) == []
    (folder / "wavs" / "b.wav").write_bytes(b"new")
    assert take_in(project.root, watched) == ["arrivals"]


def test_a_watched_url_reaches_its_corpus(project, bucket):
    declare(project, project.root / "incoming")
    assert take_in(project.root, [Watch(place="memory://bucket/eva", into="incoming")]) == ["incoming"]
    assert pinned(project)["incoming"] == content_sha256(project.root / "incoming")


def test_parameters_are_changed_by_dotted_name(project):
    assert change_params(project.root, {"train.seed": 5, "register.model_name": "eva"}) == [
        "train.seed: 5",
        "register.model_name: eva",
    ]
    assert change_params(project.root, {"train.seed": 5}) == []
    for wrong, sentence in ({"train.sed": 1}, "sed"), ({"nothing.here": 1}, "no section 'nothing'"):
        with pytest.raises(ValueError, match=sentence):
            change_params(project.root, wrong)
