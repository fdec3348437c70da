"""Edits of params.yaml and data/consent.yaml for the user: presets and folder corpora, comments kept."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.params import parse_params


@dataclass(frozen=True)
class FolderCorpus:
    """A folder of recordings as the user described it; None is what was left out."""

    folder: Path
    speaker: str | None = None
    language: str | None = None
    licence: str | None = None
    consent: str | None = None

    @property
    def name(self) -> str:
        """The corpus's name, from the folder's."""
        return re.sub(r"[^a-z0-9._-]+", "-", self.folder.resolve().name.lower()).strip("-._") or "corpus"


def apply_preset(root: Path, name: str) -> list[str]:
    """Overlay presets/NAME.yaml onto params.yaml; returns `section.key: value` for what changed."""
    params, preset = _load(root / "params.yaml"), _preset(root, name)
    changes = _merge(params, _load(preset))
    if changes:
        _save_params(root, params, str(preset.relative_to(root)))
    return changes


def read_settings(root: Path, preset: str | None = None) -> dict[str, Any]:
    """The plain values of params.yaml, as they are or as they would be with a preset."""
    params = _load(root / "params.yaml")
    if preset is not None:
        _merge(params, _load(_preset(root, preset)))
    return _plain(params)


def use_folder(root: Path, corpus: FolderCorpus) -> None:
    """Make the folder the only corpus, with its content's hash, and write down who agreed.

    What an earlier run with this folder said need not be said again.
    """
    if not corpus.folder.is_dir():
        raise FileNotFoundError(f"the corpus folder {corpus.folder} is not there")
    params = _load(root / "params.yaml")
    consents = _load(root / "data" / "consent.yaml")
    described = _description(corpus, params["corpora"], consents["consents"])
    params["corpora"] = [described]
    params["register"]["model_name"] = f"voiceloom-{corpus.name}"
    _save_params(root, params, "--corpus")
    if corpus.consent:
        _agree(consents["consents"], described, corpus.consent)
        _save(root / "data" / "consent.yaml", consents)


def pin_folders(root: Path, watched: Iterable[Path]) -> list[str]:
    """Write down what the folder corpora in watched folders hold now; returns the names of those that changed."""
    from tasks.fetch.content import content_sha256  # which brings numpy: not for a run with nothing to do

    params = _load(root / "params.yaml")
    watched = [folder.resolve() for folder in watched]
    changed = []
    for corpus in params["corpora"]:
        if corpus["source"]["kind"] != "folder":
            continue
        folder = (root / Path(corpus["source"]["path"]).expanduser()).resolve()
        if not any(folder.is_relative_to(place) or place.is_relative_to(folder) for place in watched):
            continue
        content = content_sha256(folder)
        if corpus["source"].get("sha256") != content:
            corpus["source"]["sha256"] = content
            changed.append(str(corpus["name"]))
    if changed:
        _save_params(root, params, "the new data")
    return changed


def change_params(root: Path, changes: Mapping[str, Any]) -> list[str]:
    """Set values of params.yaml by dotted name, e.g. `train.seed`; returns `name: value` for what changed."""
    params = _load(root / "params.yaml")
    changed = []
    for name, value in changes.items():
        *sections, key = name.split(".")
        section = params
        for part in sections:
            section = section.get(part) if isinstance(section, Mapping) else None
        if not isinstance(section, Mapping):
            raise ValueError(f"params.yaml has no section {'.'.join(sections) or name!r}")
        changed += _merge(section, {key: value}, "".join(f"{part}." for part in sections))
    if changed:
        _save_params(root, params, "the changes asked for")
    return changed


def _description(corpus: FolderCorpus, corpora: list, consents: list) -> dict[str, Any]:
    """The corpus section; a `ValueError` names every option that is missing."""
    from tasks.fetch.content import content_sha256  # which brings numpy: not for a run with nothing to do

    known = next((entry for entry in corpora if entry["source"].get("path") == str(corpus.folder)), {})
    speaker = corpus.speaker or known.get("speaker")
    terms = [entry["licence"] for entry in consents if entry["speaker"] == speaker]
    licence = corpus.licence or known.get("licence") or next(iter(terms), None)
    missing = [
        option
        for option, value in (
            ("--speaker NAME", speaker),
            ("--licence NAME", licence),
            ('--consent "who agreed, and when"', corpus.consent or licence in terms),
        )
        if not value
    ]
    if missing:
        raise ValueError(f"a voice is made only of recordings whose speaker agreed: add {', '.join(missing)}")
    return {
        "name": corpus.name,
        "source": {"kind": "folder", "path": str(corpus.folder), "sha256": content_sha256(corpus.folder)},
        "reader": "auto",
        "speaker": speaker,
        "language": corpus.language or known.get("language") or "en-US",
        "licence": licence,
    }


def _agree(consents: list, described: Mapping[str, Any], basis: str) -> None:
    """Add or renew the entry for this corpus and speaker."""
    speaker = re.sub(r"[^a-z0-9]+", "-", described["speaker"].lower()).strip("-")
    entry = {
        "id": f"{described['name']}-{speaker}",
        "speaker": described["speaker"],
        "licence": described["licence"],
        "basis": basis,
    }
    for index, known in enumerate(consents):
        if known["id"] == entry["id"]:
            consents[index] = entry
            return
    consents.append(entry)


def _merge(target: Any, overlay: Mapping, prefix: str = "") -> list[str]:
    """Deep-merge `overlay` into `target` in place; returns what changed. Lists are replaced whole."""
    changes = []
    for key, value in overlay.items():
        if isinstance(value, Mapping) and isinstance(target.get(key), Mapping):
            changes += _merge(target[key], value, f"{prefix}{key}.")
        elif target.get(key) != value:
            target[key] = value
            changes.append(f"{prefix}{key}: {_told(value)}")
    return changes


def _told(value: Any) -> str:
    """A value as a change is told of: what has a name, such as a corpus, by its name."""
    if isinstance(value, list) and value and all(isinstance(item, Mapping) and "name" in item for item in value):
        return ", ".join(str(item["name"]) for item in value)
    return str(value)


def _preset(root: Path, name: str) -> Path:
    presets = {path.stem: path for path in sorted((root / "presets").glob("*.yaml"))}
    if name not in presets:
        raise ValueError(f"there is no preset {name!r}; the presets are: {', '.join(presets) or 'none'}")
    return presets[name]


def _plain(content: Any) -> dict[str, Any]:
    """Without comments and number formats."""
    from ruamel.yaml import YAML

    return YAML(typ="safe").load(_text(content))


def _save_params(root: Path, params: Any, source: str) -> None:
    """Write params.yaml only if it holds together."""
    parse_params(_plain(params), f"params.yaml with {source}")
    _save(root / "params.yaml", params)


def _yaml():
    """A reader and writer that keeps comments, quotes and number formats."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(type(None), _null)
    return yaml


def _null(representer, _nothing):
    """`null` where nothing is set, for an empty place looks like a mistake."""
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")


def _load(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; run from the project's root folder")
    return _yaml().load(path.read_text(encoding="utf-8"))


def _text(content: Any) -> str:
    stream = io.StringIO()
    _yaml().dump(content, stream)
    return stream.getvalue()


def _save(path: Path, content: Any) -> None:
    """Replace the file as a whole, or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(_text(content), encoding="utf-8")
    os.replace(partial, path)
