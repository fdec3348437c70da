"""Bring the declared corpora here: `corpora` in params.yaml → data/raw/NAME/, content hashes checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tasks.fetch import debian, folder, teacher, url
from tasks.fetch.content import content_files
from tasks.params import Corpus
from tasks.rowstore import writing
from tasks.stage import Metrics, Stage

STAGE = Stage(outs={"raw": "data/raw"}, params=("corpora",), code=("tasks/fetch",))

#: How each kind of source is brought into a folder that exists and is empty, and its hash checked.
_FETCH: dict[str, Callable[..., None]] = {
    "debian": debian.fetch,
    "url": url.fetch,
    "folder": folder.fetch,
    "teacher": teacher.fetch,
}


def run(*, raw: Path, corpora: list[Corpus]) -> Metrics:
    """Fetch every corpus into `raw`/NAME; `ValueError` or `OSError` when one is missing or has changed."""
    metrics: Metrics = {}
    for corpus in corpora:
        target = raw / corpus.name
        target.mkdir(parents=True)
        with writing(f"corpus {corpus.name}"):
            _FETCH[corpus.source.kind](corpus.name, corpus.source, target)
        files = list(content_files(target))
        if not files:
            raise ValueError(f"corpus {corpus.name}: its source holds no files")
        metrics[f"{corpus.name}_files"] = len(files)
        metrics[f"{corpus.name}_mb"] = round(sum(path.stat().st_size for path in files) / 1e6, 1)
    return metrics
