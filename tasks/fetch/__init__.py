"""Bring the declared corpora here: `corpora` in params.yaml → data/raw/NAME/, content hashes checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tasks.fetch import debian, folder, url
from tasks.fetch.content import content_files, content_sha256
from tasks.params import Corpus
from tasks.rowstore import writing
from tasks.stage import Metrics, Stage

STAGE = Stage(outs={"raw": "data/raw"}, params=("corpora",), code=("tasks/fetch",))

#: How each kind of source is brought into a folder that exists and is empty.
_FETCH: dict[str, Callable[..., None]] = {"debian": debian.fetch, "url": url.fetch, "folder": folder.fetch}


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
        if corpus.source.kind != "url":  # a URL's hash is that of the file behind it, checked on the way
            _check(corpus, content_sha256(target))
        metrics[f"{corpus.name}_files"] = len(files)
        metrics[f"{corpus.name}_mb"] = round(sum(path.stat().st_size for path in files) / 1e6, 1)
    return metrics


def _check(corpus: Corpus, found: str) -> None:
    """Compare a corpus with the hash declared for it; without one, anything goes."""
    expected = corpus.source.sha256
    if expected is None or expected == found:
        return
    if corpus.source.kind == "folder":
        raise ValueError(
            f"corpus {corpus.name}: folder {corpus.source.path} changed since it was declared "
            f"(sha256 {found}, not {expected}); run again with `voiceloom run --corpus {corpus.source.path}`"
        )
    raise ValueError(
        f"corpus {corpus.name}: its packages do not hold what was declared (sha256 {found}, not {expected}); "
        "this system may carry another version: look at it, then put the new hash into params.yaml"
    )
