import hashlib
import io
import os
import shutil
import stat
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tasks import fetch
from tasks.fetch import url
from tasks.fetch.content import content_files, content_sha256
from tasks.params import Corpus, load_params

TERMS = {"speaker": "ann", "language": "en", "licence": "CC0-1.0"}


def corpus(**source):
    return Corpus.model_validate({"name": "c", "source": source, **TERMS})


def run(tmp_path, **source):
    raw = tmp_path / "raw"
    metrics = fetch.run(raw=raw, corpora=[corpus(**source)])
    return raw / "c", metrics


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "mine"
    (root / "wavs").mkdir(parents=True)
    (root / "metadata.csv").write_text("a|hello\n")
    (root / "wavs" / "a.wav").write_bytes(b"sound")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("not part of it")
    return root


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in content_files(folder))


def test_a_folder_is_copied_whole_and_its_hash_stays(folder, tmp_path):
    copy, metrics = run(tmp_path, kind="folder", path=str(folder), sha256=content_sha256(folder))
    assert names(copy) == ["metadata.csv", "wavs/a.wav"]
    assert content_sha256(copy) == content_sha256(folder)
    assert metrics == {"c_files": 2, "c_mb": 0.0}


def test_the_hash_is_that_of_sorted_lines(folder):
    lines = [
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for content, name in ((b"a|hello\n", "metadata.csv"), (b"sound", "wavs/a.wav"))
    ]
    assert content_sha256(folder) == hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def test_a_changed_folder_says_how_to_go_on(folder, tmp_path):
    declared = content_sha256(folder)
    (folder / "wavs" / "a.wav").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"changed since it was declared .*voiceloom run --corpus"):
        run(tmp_path, kind="folder", path=str(folder), sha256=declared)


def test_links_are_followed_only_inside(folder, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.wav").write_text("b")
    (folder / "out.wav").symlink_to(tmp_path / "secret")
    (folder / "dir").symlink_to(tmp_path / "elsewhere")
    (folder / "in.wav").symlink_to(folder / "wavs" / "a.wav")
    copy, _ = run(tmp_path, kind="folder", path=str(folder))
    assert names(copy) == ["in.wav", "metadata.csv", "wavs/a.wav"]
    assert not (copy / "in.wav").is_symlink()


def test_a_missing_or_empty_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"corpus c: the folder .*nowhere is not there"):
        run(tmp_path, kind="folder", path=str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no files"):
        run(tmp_path / "2", kind="folder", path=str(tmp_path / "empty"))


def archive_of(folder, kind):
    path = folder.parent / f"corpus.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name in names(folder):
                archive.write(folder / name, name)
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name in names(folder):
                archive.add(folder / name, name)
    return path


def from_url(tmp_path, path, sha256=None):
    sha256 = sha256 or hashlib.sha256(path.read_bytes()).hexdigest()
    return run(tmp_path, kind="url", url=path.as_uri(), sha256=sha256)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_an_archive_behind_a_url_is_verified_and_unpacked(kind, folder, tmp_path):
    copy, _ = from_url(tmp_path, archive_of(folder, kind))
    assert content_sha256(copy) == content_sha256(folder)
    assert sorted(path.name for path in copy.parent.iterdir()) == ["c"]


def test_a_single_file_keeps_its_name(tmp_path):
    (tmp_path / "one file.wav").write_bytes(b"sound")
    copy, _ = from_url(tmp_path, tmp_path / "one file.wav")
    assert names(copy) == ["one file.wav"]


def test_a_wrong_hash_or_address_is_one_sentence(folder, tmp_path):
    with pytest.raises(ValueError, match=r"has sha256 .* params.yaml says 0000"):
        from_url(tmp_path, archive_of(folder, "zip"), sha256="0" * 64)
    with pytest.raises(ValueError, match="must begin with one of: https, http, file"):
        run(tmp_path / "2", kind="url", url="ftp://x/y", sha256="0" * 64)
    with pytest.raises(OSError, match="could not be read"):
        run(tmp_path / "3", kind="url", url=(tmp_path / "nothing.zip").as_uri(), sha256="0" * 64)


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "..\\evil", "C:\\evil"])
def test_an_archive_cannot_write_outside(name, tmp_path):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(ValueError, match="leads out of its folder"):
        from_url(tmp_path, path)
    assert not list(tmp_path.rglob("evil"))


def test_links_in_archives_are_never_made(tmp_path):
    tar, zipped = tmp_path / "links.tar", tmp_path / "links.zip"
    with tarfile.open(tar, "w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(link)
        through = tarfile.TarInfo("link/file")
        through.size = 1
        archive.addfile(through, io.BytesIO(b"x"))
    with zipfile.ZipFile(zipped, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc")
        archive.writestr("link/file", "x")
    for number, path in enumerate((tar, zipped)):
        copy, _ = from_url(tmp_path / str(number), path)
        assert names(copy) == ["link/file"] and not (copy / "link").is_symlink()


def test_a_bomb_stops_early(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(url, "MAX_UNPACKED_BYTES", 10)
    with pytest.raises(ValueError, match="unpacks to more than"):
        from_url(tmp_path, archive_of(folder, "zip"))


def deb(tmp_path):
    """A Debian package with one sound and the notes every package has."""
    root = tmp_path / "package"
    (root / "DEBIAN").mkdir(parents=True)
    control = "Package: sounds\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: sounds\n"
    (root / "DEBIAN" / "control").write_text(control)
    for name in (
        "usr/share/sounds/a.g722",
        "usr/share/doc/sounds/copyright",
        "usr/share/doc/sounds/changelog.gz",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    subprocess.run(["dpkg-deb", "-b", root, tmp_path / "sounds_1_all.deb"], check=True, capture_output=True)
    return tmp_path / "sounds_1_all.deb"


@pytest.fixture
def apt(tmp_path, monkeypatch):
    """An apt-get that knows one package, once its lists were updated (by writing `updated`)."""
    if not shutil.which("dpkg-deb"):
        pytest.skip("needs dpkg-deb")
    package, updated = deb(tmp_path), tmp_path / "updated"
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "apt-get").write_text(
        f"#!/bin/sh\n[ $1 = update ] && touch {updated} && exit 0\n"
        f"[ -e {updated} ] && cp {package} . && exit 0\n"
        "echo 'E: Unable to locate package sounds' >&2; exit 100\n"
    )
    (tools / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    return updated


def test_debian_packages_are_unpacked_without_their_changelogs(apt, tmp_path):
    apt.touch()
    copy, _ = run(tmp_path, kind="debian", packages=["sounds"])
    assert names(copy) == ["usr/share/doc/sounds/copyright", "usr/share/sounds/a.g722"]
    with pytest.raises(ValueError, match="do not hold what was declared"):
        run(tmp_path / "2", kind="debian", packages=["sounds"], sha256="0" * 64)


def test_package_lists_are_updated_once_where_that_is_allowed(apt, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(OSError, match=r"run `sudo apt-get update` once.*Unable to locate package"):
        run(tmp_path, kind="debian", packages=["sounds"])
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert run(tmp_path / "2", kind="debian", packages=["sounds"])[1]["c_files"] == 2


def test_a_system_without_apt_says_what_to_use_instead(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="no apt-get: use recordings of your own with `voiceloom run --corpus"):
        run(tmp_path, kind="debian", packages=["sounds"])


def test_the_committed_corpus_is_pinned():
    params = load_params(Path(__file__).parents[2] / "params.yaml")
    assert all(corpus.source.sha256 for corpus in params.corpora)
