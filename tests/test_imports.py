"""Imports run one way: flows → tasks → voiceloom_model; speaking needs no training package."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "model_src" / "voiceloom_model"

#: Folder → top-level packages that nothing in it may import, not even inside a function.
FORBIDDEN = {
    ROOT / "flows": {"piper", "sherpa_onnx"},  # the clients that our Piper voices are tested with; piper is GPL
    ROOT / "tasks": {"flows", "prefect", "dvc", "piper", "sherpa_onnx"},
    MODEL: {"flows", "tasks", "prefect", "dvc", "piper", "sherpa_onnx"},
    MODEL / "runtime": {"torch", "librosa", "scipy", "soundfile"},
    MODEL / "serve": {"torch", "librosa", "scipy"},
    MODEL / "text": {"torch", "librosa", "scipy"},
}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


@pytest.mark.parametrize("folder", FORBIDDEN, ids=lambda folder: folder.name)
def test_imports_run_one_way(folder):
    files = list(folder.rglob("*.py"))
    assert files
    for path in files:
        tops = {name.partition(".")[0] for name in imported(path)}
        assert not tops & FORBIDDEN[folder], path


@pytest.mark.parametrize("folder", [MODEL / "runtime", MODEL / "text", MODEL / "serve"], ids=lambda folder: folder.name)
def test_speaking_imports_no_training_code(folder):
    training = {
        f"voiceloom_model.{name}" for name in ("nn", "training", "losses", "export", "speaker", "warm", "adapt")
    }
    for path in folder.rglob("*.py"):
        parts = {".".join(name.split(".")[:2]) for name in imported(path)}
        assert not parts & training, path


def test_only_one_file_calls_dvc():
    callers = {
        path.name
        for path in (ROOT / "flows").rglob("*.py")
        if any(name.split(".")[0] == "dvc" for name in imported(path))
    }
    assert callers == {"_dvc.py"}
