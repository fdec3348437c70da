"""What a voice needs in a browser: its graphs at one precision, and the text front end as data.

Reads a bundle and the installed front ends; makes a folder of gzip files and `page.json`, which lists them with their
sizes and sums. The page in `web/` reads nothing else. Everything packed is data: the rules that act on it are the
page's own, in JavaScript, and name the versions they follow; `page.json` carries the versions packed.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import importlib
import json
import re
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path
from typing import Any

from voiceloom_model.runtime.bundle import GRAPHS, LEXICON, bundle_sha256, check_precision, open_bundle
from voiceloom_model.runtime.passages import MAX_CHARACTERS
from voiceloom_model.runtime.voice import PAUSE_S
from voiceloom_model.runtime.windows import FIRST_FRAMES, LEAST_FRAMES, NEXT_FRAMES
from voiceloom_model.text import SYMBOLS, Lexicon, front_end_identity
from voiceloom_model.text.languages import language_id
from voiceloom_model.text.normalise import clean
from voiceloom_model.text.normalise.engine import rules_of
from voiceloom_model.text.symbols import STRESS_MARKS

MANIFEST = "page.json"
#: Front ends that the page can be: name in an identity → what hibari's files are called.
ACCENTS = {"hibari.g2p-us": "us", "hibari.g2p-gb": "gb"}
PACKAGE = "hibari-tts"
LEVEL = 6


def page_contents(folder: Path, precision: str | None = None) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What `page.json` says of the bundle in `folder`, and the files that the page reads, by name.

    Without a precision it is the bundle's first. Raises `ValueError` or `FileNotFoundError` for what is no whole
    bundle or lacks the precision.
    """
    bundle = open_bundle(folder)
    description = bundle.description
    precision = precision or description.precisions[0]
    check_precision(folder, description, precision)
    readable = [tag for tag, identity in description.front_ends.items() if identity["name"] in ACCENTS]
    contents = {graph: _graph(bundle.graph(f"{precision}/{graph}").read_bytes(), precision) for graph in GRAPHS}
    for tag in readable:
        contents |= front_end_files(tag)
    manifest = {
        "bundle": bundle_sha256(folder),
        "precision": precision,
        "voice": dataclasses.asdict(description),
        "windows": {"first": FIRST_FRAMES, "next": NEXT_FRAMES, "least": LEAST_FRAMES},
        "passage_characters": MAX_CHARACTERS,
        "pause_s": PAUSE_S,
        "language_ids": {tag: language_id(tag) for tag in description.languages},
        "symbols": SYMBOLS,
        "stress_marks": STRESS_MARKS,
        "front_ends": {tag: _names(tag) for tag in readable},
        "lexicon": [entry._asdict() for entry in Lexicon.load(folder / LEXICON).entries],
    }
    return manifest, contents


def _graph(content: bytes, precision: str) -> bytes:
    """A graph as the page runs it: at int8 the weights alone have 8 bits, see `widened`."""
    if precision != "int8":
        return content
    from voiceloom_model.export.widened import widened

    return widened(content)


def write_page_data(folder: Path, manifest: dict[str, Any], contents: dict[str, bytes]) -> int:
    """Write `voice/NAME.gz` for each file and `page.json`, which lists them; returns the bytes of all files."""
    (folder / "voice").mkdir(parents=True)
    listed = {name: _write(folder / "voice" / f"{name}.gz", content) for name, content in contents.items()}
    text = json.dumps({**manifest, "files": listed}, ensure_ascii=False, indent=1, sort_keys=True)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return sum(entry["bytes"] for entry in listed.values())


def front_end_files(language: str) -> dict[str, bytes]:
    """The front end of one English: its data, and the network that reads unknown words."""
    accent = ACCENTS[front_end_identity(language)["name"]]
    network = "oov_gb" if accent == "gb" else "oov"
    names = _names(language)
    return {
        names["data"]: json.dumps(_front_end(language, accent, network), ensure_ascii=False).encode(),
        names["network"]: _asset(f"{network}.onnx"),
    }


def notices() -> str:
    """The licence and the notice of the front end whose data is packed."""
    paths = [path for path in distribution(PACKAGE).files or [] if path.name in ("LICENSE", "NOTICE")]
    return "\n\n".join(path.read_text(encoding="utf-8") for path in sorted(paths, key=str, reverse=True))


def _names(language: str) -> dict[str, str]:
    name = re.sub(r"[^A-Za-z0-9-]", "_", language)  # a bundle may say anything
    return {"data": f"{name}.json", "network": f"{name}-words.onnx"}


def _front_end(language: str, accent: str, network: str) -> dict[str, Any]:
    """All tables that reading a language takes; patterns are Python's, which the page translates."""
    return {
        "language": language,
        "identity": front_end_identity(language),
        "british": accent == "gb",
        "rules": _rules(language),
        "clean": _clean(),
        "notation": _notation(),
        "gold": _json(f"lexicon_{accent}_gold.json.gz"),
        "silver": _json(f"lexicon_{accent}_silver.json.gz"),
        "tagger": _json("tagger.json.gz"),
        "exceptions": _json("tokenizer_exceptions.json"),
        "tables": _json("normalize.json"),
        "network": _json(f"{network}.json"),
        "patterns": _patterns(),
    }


def _rules(language: str) -> dict[str, Any]:
    """The normaliser's tables for one language; its functions are written again in the page."""
    rules = rules_of(language)
    values = {field.name: getattr(rules, field.name) for field in dataclasses.fields(rules)}
    values = {name: value for name, value in values.items() if not callable(value)}
    values["years"] = [rules.years.start, rules.years.stop]
    values["fractions"] = _fields(rules.fractions)
    values["romans"] = [_fields(entry) for entry in rules.romans]
    values["hundred_joint"] = rules.spell(101, "")[len("one hundred") : -len("one")] if rules.spell else " "
    return values


def _fields(record: Any) -> dict[str, Any] | None:
    """A named tuple as a dict, None as it is."""
    return None if record is None else record._asdict()


def _clean() -> dict[str, Any]:
    return {
        "invisible": sorted(clean._INVISIBLE),
        "plain": {chr(code): plain for code, plain in clean._PLAIN.items()},
        "kept": "".join(sorted(clean._KEPT)),
    }


def _notation() -> dict[str, Any]:
    notation = importlib.import_module("voiceloom_model.text.notation")
    tables = (notation._NEAREST, notation._QUOTES_AND_BRACKETS, notation._MARKS)
    maps = [{chr(code): _character(value) for code, value in table.items()} for table in tables]
    return {"vowels": notation.VOWELS, "maps": maps}


def _character(value: str | int | None) -> str:
    """What `str.translate` writes for a value of its table."""
    return "" if value is None else chr(value) if isinstance(value, int) else value


def _patterns() -> dict[str, str]:
    """hibari's patterns as it wrote them."""
    g2p = importlib.import_module("hibari.g2p")
    words = importlib.import_module("hibari.g2p.normalize")
    tokens = importlib.import_module("hibari.g2p.tokenize")
    tokenizer = tokens.Tokenizer({})
    found = {
        "prefix": tokenizer.prefix,
        "suffix": tokenizer.suffix,
        "infix": tokenizer.infix,
        "url": tokens.URL,
        "subtoken": g2p.SUBTOKEN_RE,
        "piece": g2p.FALLBACK_PIECE,
        "title": words.RE_TITLE,
        "abbreviation": words.RE_ABBREV,
        "roman_cardinal": words.RE_ROMAN_C,
        "roman_ordinal": words.RE_ROMAN_O,
    }
    return {name: pattern.pattern for name, pattern in found.items()}


def _asset(name: str) -> bytes:
    return files("hibari").joinpath("assets", name).read_bytes()


def _json(name: str) -> Any:
    content = _asset(name)
    return json.loads(gzip.decompress(content) if name.endswith(".gz") else content)


def _write(path: Path, content: bytes) -> dict[str, Any]:
    """Write gzip without a time in it, so that the same bundle gives the same bytes."""
    packed = gzip.compress(content, LEVEL, mtime=0)
    path.write_bytes(packed)
    return {"bytes": len(packed), "sha256": hashlib.sha256(content).hexdigest()}
