"""`voiceloom list`: the stages as `dvc.yaml` has them, each with the first line of its module."""

from __future__ import annotations

import ast
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table


def stage_table(root: Path) -> None:
    """Print every stage with what it reads and writes; nothing is imported for it."""
    path = root / "dvc.yaml"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; run from the project's root folder")
    table = Table("stage", "reads", "writes", "does")
    for name, stage in yaml.safe_load(path.read_text(encoding="utf-8"))["stages"].items():
        data = [dep for dep in stage.get("deps", []) if not dep.startswith(("tasks/", "model_src/"))]
        table.add_row(name, "\n".join(data), "\n".join(stage.get("outs", [])), first_line(root, name))
    Console().print(table)


def first_line(root: Path, stage: str) -> str:
    """The first line of a stage module's docstring."""
    module = root / "tasks" / f"{stage}.py"
    path = module if module.is_file() else root / "tasks" / stage / "__init__.py"
    if not path.is_file():
        return ""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]
