"""`voiceloom check`: one line each, and a cure for what fails."""

import shutil
from pathlib import Path

import pytest

from flows.check import findings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path):
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def found(root):
    return {finding.name: finding for finding in findings(root)}


def test_everything_asked_for_is_looked_at(root):
    asked = {"params.yaml", "dvc.yaml", "python", "packages", "weights", "ffmpeg", "gpu", "disk", "apt"}
    assert set(found(root)) >= asked


def test_what_fails_has_a_cure_and_no_line_breaks(root):
    (root / "params.yaml").write_text("a: [\n")
    (root / "dvc.yaml").write_text("stages: {fetch: {}}\n")
    for finding in found(root).values():
        assert "\n" not in finding.text
        assert finding.passed or finding.cure


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("params.yaml", "hop_length: 256", "hop_length: 300", "does not divide"),
        ("dvc.yaml", "\n  segment:", "\n  cut:", "its stages are fetch, ingest, cut"),
    ],
)
def test_a_broken_file_is_named(root, name, old, new, expected):
    text = (root / name).read_text()
    assert old in text
    (root / name).write_text(text.replace(old, new))
    finding = found(root)[name]
    assert not finding.passed and expected in finding.text


def test_apt_is_needed_only_for_debian_packages(root, monkeypatch):
    monkeypatch.setattr("flows.check.shutil.which", lambda name: None)
    assert not found(root)["apt"].passed
    assert "voiceloom run --corpus" in found(root)["apt"].cure
    text = (root / "params.yaml").read_text()
    start = text.index("    source:\n")
    end = text.index("    reader:")
    (root / "params.yaml").write_text(f"{text[:start]}    source: {{kind: folder, path: x}}\n{text[end:]}")
    assert found(root)["apt"].passed


def test_a_full_disk_fails(root, monkeypatch):
    monkeypatch.setattr("flows.check.FREE_GB", 10**9)
    assert not found(root)["disk"].passed
