"""`voiceloom trace`: from a version, a bundle or a sound file back to every recording, licence and consent."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tasks.register.provenance import Origin, origin_of_bundle, origin_of_version

#: How `voiceloom say` marks what it makes.
_MARK = re.compile(r"\bbundle=([0-9a-f]{64})\b(?:.*\bdata=([0-9a-f]{64})\b)?")


def trace(root: Path, model_name: str, what: str) -> Iterator[str]:
    """The way back, a line at a time: what it is, the code, the consents, and every recording."""
    path = Path(what)
    if path.is_dir():
        origin = origin_of_bundle(root, *_of_folder(path))
    elif path.is_file():
        origin = origin_of_bundle(root, *_mark(path))
    else:
        origin = origin_of_version(root, model_name, what)
    yield from _lines(origin)


def mark(bundle_sha256: str, data_sha256: str, manner: str) -> str:
    """The comment that a sound file carries: the bundle that spoke, what that had heard, and how it was asked."""
    return f"Voiceloom bundle={bundle_sha256} data={data_sha256} {manner}"


def _of_folder(folder: Path) -> tuple[str, str | None]:
    from voiceloom_model.runtime.bundle import DESCRIPTION, bundle_sha256, read_description

    if not (folder / DESCRIPTION).is_file():
        raise ValueError(f"{folder} is no voice bundle: it has no {DESCRIPTION}")
    return bundle_sha256(folder), read_description(folder).data_sha256


def _mark(path: Path) -> tuple[str, str | None]:
    """The hashes in a sound file's comment."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            comment = file.comment
    except (soundfile.LibsndfileError, TypeError) as error:  # the second of a file without a header, e.g. .raw
        raise ValueError(f"{path} is no sound file that can be read: {error}") from error
    found = _MARK.search(comment)
    if found is None:
        raise ValueError(f"{path} carries no mark of a voice: it was not made by `voiceloom say`, or was converted")
    return found.group(1), found.group(2)


def _lines(origin: Origin) -> Iterator[str]:
    yield f"{origin.model_name} version {origin.version}, bundle {origin.tags['bundle_sha256']}"
    yield from (f"  {note}" for note in origin.notes)
    dirty = " with uncommitted changes (lineage/uncommitted.patch)" if origin.tags.get("git_dirty") == "true" else ""
    yield f"Code: git {origin.tags.get('git_revision', 'unknown')}{dirty}"
    yield f"Data: dvc.lock {origin.tags.get('dvc_lock_sha256', 'unknown')}, trained on {origin.tags.get('data_sha256')}"
    yield f"Run:  {origin.run_id} (parameters, scores, lineage/)"
    yield from _consents(origin)
    yield "Recordings (id, file under data/raw, sha256, speaker, licence, consent, seconds trained on, held out):"
    for row in origin.recordings:
        member = "" if row["member"] is None else f"#{row['member']}"
        yield (
            f"  {row['id']}  {row['source_path']}{member}  {row['sha256']}  {row['speaker']}  {row['licence']}  "
            f"{row['consent_id']}  {row['seconds']:.2f}  {row['held_out_s']:.2f}"
        )


def _consents(origin: Origin) -> Iterator[str]:
    """Who is heard, on what terms and with which consent, and for how long."""
    basis = {consent["id"]: consent.get("basis", "") for consent in origin.consents}
    heard: defaultdict[tuple, list[float]] = defaultdict(list)
    for row in origin.recordings:
        heard[row["speaker"], row["corpus"], row["licence"], row["consent_id"]].append(row["seconds"])
    yield "Speakers and consents:"
    for (speaker, corpus, licence, consent), seconds in sorted(heard.items()):
        yield (
            f"  {speaker}: {sum(seconds) / 3600:.2f} h of {len(seconds)} recordings in {corpus}, {licence}, "
            f"consent {consent}: {basis.get(consent) or 'its basis was not logged'}"
        )
