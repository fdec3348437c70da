"""Lhotse: *recordings*.jsonl[.gz] with *supervisions*.jsonl[.gz], or *cuts*.jsonl[.gz], whose sources are files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TypeGuard

from tasks.ingest.readers.labels import BadLabel, labelled, time_problem
from tasks.ingest.readers.language import one_language
from tasks.ingest.readers.lines import Line, broken, text_lines
from tasks.ingest.readers.places import GLANCE, find, moved
from tasks.ingest.readers.source import Segment, Source
from tasks.rowstore import Failure

_RECORDINGS = ("*recordings*.jsonl", "*recordings*.jsonl.gz")
_SUPERVISIONS = ("*supervisions*.jsonl", "*supervisions*.jsonl.gz")
_CUTS = ("*cuts*.jsonl", "*cuts*.jsonl.gz")
#: How many files are opened to see whether they are manifests.
_OPENED = 5
#: A supervision this near to both ends spans the recording.
_SLACK_S = 0.02
#: JSON may hold integers that are no float any more.
_BEYOND = 1e12
#: Of millions of objects only this much is held.
_NEEDED = ("id", "sources", "transforms", "duration")
_SAID = ("id", "start", "duration", "text", "speaker", "language")

Report = Callable[[Source], object]


@dataclass
class _Recording:
    """A recording of a manifest and what is said in it; `where` is the manifest's folder."""

    where: Path
    content: dict
    supervisions: list[dict] = field(default_factory=list)


def matches(folder: Path) -> bool:
    """Whether there are manifests of recordings or cuts."""
    return any(_is_manifest(path) for path in islice(find(folder, *_RECORDINGS, *_CUTS, entries=GLANCE), _OPENED))


def _is_manifest(path: Path) -> bool:
    first = next(text_lines(path), None)
    return first is not None and any(f'"{name}"' in (first.text or "") for name in ("sources", "recording", "tracks"))


def read(folder: Path, language: str) -> Iterator[Source]:
    """Yield every recording: as transcript where one supervision spans it, else with its segments."""
    problems: list[Source] = []
    whole = next(find(folder, *_RECORDINGS), None) is not None
    has_texts = not whole or next(find(folder, *_SUPERVISIONS), None) is not None
    found = _from_recordings(folder, problems.append) if whole else _from_cuts(folder, problems.append)
    for recording in found:
        yield from _sources(folder, recording, has_texts)
    yield from problems


def _from_recordings(folder: Path, report: Report) -> Iterator[_Recording]:
    said: dict[str, list[dict]] = {}
    for manifest in find(folder, *_SUPERVISIONS):
        for _, supervision in _objects(folder, manifest, "recording_id", report):
            said.setdefault(supervision["recording_id"], []).append(_only(supervision, _SAID))
    for manifest in find(folder, *_RECORDINGS):
        for _, content in _objects(folder, manifest, "id", report):
            yield _Recording(manifest.parent, _only(content, _NEEDED), said.pop(content["id"], []))
    for name, supervisions in said.items():
        for supervision in supervisions:
            failure = Failure("missing_file", f"no manifest has its recording {name[:200]!r}")
            report(Source(str(supervision.get("id") or name), None, None, problem=failure))


def _from_cuts(folder: Path, report: Report) -> Iterator[_Recording]:
    """The recordings that cuts are taken from, each once, with what all its cuts say."""
    found: dict[str, _Recording] = {}
    for manifest in find(folder, *_CUTS):
        for line, cut in _objects(folder, manifest, "id", report):
            content = cut.get("recording")
            if cut.get("type") not in (None, "MonoCut", "MultiCut") or not isinstance(content, dict):
                failure = Failure("unsupported_source", f"a {cut.get('type')} is not a stretch of one recording file")
                report(Source(str(cut["id"]), manifest, None, problem=failure))
            elif not isinstance(content.get("id"), str) or not _is_number(cut.get("start", 0)):
                report(broken(folder, manifest, _bad(line, "its recording has no id, or its start is no number")))
            else:
                recording = found.setdefault(content["id"], _Recording(manifest.parent, _only(content, _NEEDED)))
                recording.supervisions += _on_recording(cut)
    yield from found.values()


def _on_recording(cut: dict) -> list[dict]:
    """A cut's supervisions, with times counted from the start of the recording."""
    said = [_only(one, _SAID) for one in _dicts(cut.get("supervisions")) if _is_number(one.get("start"))]
    return [{**one, "start": one["start"] + cut.get("start", 0)} for one in said]


def _objects(folder: Path, manifest: Path, name: str, report: Report) -> Iterator[tuple[Line, dict]]:
    """The JSON objects of a manifest that have text under `name`."""
    for line in text_lines(manifest):
        if line.text is None:
            report(broken(folder, manifest, line))
        elif line.text.strip():
            try:
                content = json.loads(line.text)
            except (ValueError, RecursionError):
                content = None
            if isinstance(content, dict) and isinstance(content.get(name), str):
                yield line, content
            else:
                report(broken(folder, manifest, _bad(line, f"it is no JSON object with a text under {name!r}")))


def _bad(line: Line, message: str) -> Line:
    return Line(line.number, None, Failure("bad_manifest", f"line {line.number}: {message}"))


def _sources(folder: Path, recording: _Recording, has_texts: bool) -> Iterator[Source]:
    content, said = recording.content, recording.supervisions
    found = _file(folder, recording)
    tag = one_language(_text(one, "language") for one in said)
    source = Source(
        id=content["id"],
        path=found if isinstance(found, Path) else None,
        text=None,
        language=tag if isinstance(tag, str) else None,
        text_kind="transcript" if has_texts else "none",
        problem=next((failure for failure in (found, tag) if isinstance(failure, Failure)), None),
    )
    if len(said) == 1 and _spans(said[0], content):
        yield _transcribed(source, said[0])
    elif said:
        labels = [_label(one) for one in _once(said)]
        segments = [label for label in labels if isinstance(label, Segment) and label.text]
        yield from labelled(source, segments, [label for label in labels if isinstance(label, BadLabel)])
    else:
        yield source


def _transcribed(source: Source, said: dict) -> Source:
    return replace(source, text=_text(said, "text"), speaker=_text(said, "speaker"))


def _spans(said: dict, content: dict) -> bool:
    """Whether a supervision is about the whole recording."""
    start_s, duration_s, whole_s = said.get("start"), said.get("duration"), content.get("duration")
    if not (_is_number(start_s) and _is_number(duration_s) and _is_number(whole_s)):
        return False
    return abs(start_s) <= _SLACK_S and abs(duration_s - whole_s) <= _SLACK_S


def _once(said: list[dict]) -> list[dict]:
    """Supervisions without those that cuts which overlap give twice."""
    return list({repr((one.get("id"), one.get("start"), one.get("duration"))): one for one in said}.values())


def _label(said: dict) -> Segment | BadLabel:
    start_s, duration_s, text = said.get("start"), said.get("duration"), _text(said, "text") or ""
    name = str(said.get("id", "label"))
    if not (_is_number(start_s) and _is_number(duration_s)):
        return BadLabel(name, text, Failure("bad_label", "a supervision needs a start and a duration in seconds"))
    problem = time_problem(start_s, start_s + duration_s)
    if problem:
        return BadLabel(name, text, Failure("bad_label", problem))
    return Segment(start_s, start_s + duration_s, text, name, _text(said, "speaker"))


def _file(folder: Path, recording: _Recording) -> Path | Failure:
    """The one file of a recording; commands, addresses and what is changed on reading are never followed."""
    sources = _dicts(recording.content.get("sources"))
    if recording.content.get("transforms"):
        return Failure("unsupported_source", "the recording is changed on reading (transforms); save it as it sounds")
    if len(sources) != 1 or sources[0].get("type") != "file" or not isinstance(sources[0].get("source"), str):
        kinds = ", ".join(str(source.get("type"))[:40] for source in sources[:5]) or "none"
        return Failure("unsupported_source", f"a recording needs one source of type file, found: {kinds}")
    return moved(folder, sources[0]["source"], recording.where)


def _only(content: dict, names: tuple[str, ...]) -> dict:
    return {name: content[name] for name in names if name in content}


def _dicts(value: object) -> list[dict]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(content: dict, name: str) -> str | None:
    value = content.get(name)
    return value.strip() or None if isinstance(value, str) else None


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _BEYOND
