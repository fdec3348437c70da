"""Pack a kit: from a workspace whose utterances are cut, all that is needed to train on them elsewhere."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.kit import contents, embeddings, phonemes, wheels
from tasks.kit.origins import Origin, origin_of, spans_of, spoken_recordings, total_s, variants_of
from tasks.kit.sounds import write_sounds
from tasks.params import Params, parse_params
from tasks.records import QUARANTINE, RECORDINGS, UTTERANCES, read_shards, read_table, shard_paths, write_table
from tasks.train.job import ROOT, start_files

#: The code that travels, under the project's root.
CODE = ("tasks", "model_src/voiceloom_model", "LICENSE", "NOTICE")
_REFUSED = ("ingest", "segment")
#: For the manifest, and for pages of the file system that are not full.
_SPARE = 128 * 1024


@dataclass(frozen=True)
class Options:
    """How large the kit may be in MiB, how low the bitrate in kbit/s; corpora left out; where wheels lie, if here.

    `python` is the version over there.
    """

    max_mib: float = 60.0
    min_kbps: int = 16
    without: tuple[str, ...] = ()
    wheels: Path | None = None
    python: str = "3.12"


def pack(workspace: Path, out: Path, settings: Mapping, options: Options) -> dict:
    """Pack the workspace into the new folder `out` with these parameters; returns the manifest without its sums.

    Raises `ValueError` or `OSError` in one sentence where the kit cannot be as asked for.
    """
    params = parse_params(dict(settings), "params.yaml of the kit")
    if out.exists() and any(out.iterdir()):
        raise ValueError(f"{out} is not empty: name a new folder")
    _check(params, options.without)
    data = workspace / "data"
    tables = _utterances(data / "utterances", options.without)
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _write_workspace(workspace, partial, settings, params)
        _write_code(partial)
        _write_wheels(partial, options)
        _write_utterances(tables, data / "utterances", partial)
        wheels.write_encoder(partial, is_heard=params.train.speaker_consistency > 0)
        embeddings.record(data / "utterances", set(_values(tables, "id")), partial)
        said = zip(_values(tables, "text"), _values(tables, "language"), strict=True)
        phonemes.record(data, said, params.features, partial)
        about = _write_audio(tables, data / "recordings", partial, params, options)
        contents.write_manifest(partial, about)
        if out.exists():
            out.rmdir()
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return {**about, "mib": round(contents.size_mib(out), 2)}


def _check(params: Params, without: Collection[str]) -> None:
    if params.train.listen_every:
        raise ValueError("train.listen_every wants speech recognition, which does not travel: set it to 0")
    names = [corpus.name for corpus in params.corpora]
    for name in without:
        if name not in names:
            raise ValueError(f"there is no corpus {name!r} to leave out; there are: {', '.join(names)}")


def _utterances(folder: Path, without: Collection[str]) -> list[pa.Table]:
    """The shards without their sound, and without the corpora left out."""
    columns = [name for name in UTTERANCES.names if name not in ("audio", "audio_key")]
    tables = list(read_shards(folder, UTTERANCES, columns))
    kept = [
        table.filter(pa.array([corpus not in without for corpus in table["corpus"].to_pylist()], pa.bool_()))
        for table in tables
    ]
    if not any(len(table) for table in kept):
        raise ValueError(f"nothing of {folder} is left to pack")
    return kept


def _values(tables: list[pa.Table], column: str) -> list:
    return [value for table in tables for value in table[column].to_pylist()]


def _write_workspace(workspace: Path, kit: Path, settings: Mapping, params: Params) -> None:
    """Parameters, the lexicon, what was refused (without its sound), and the weights to start from."""
    import yaml

    target = kit / contents.WORKSPACE
    (target / "data" / "quarantine").mkdir(parents=True)
    text = yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True, width=120)
    (target / "params.yaml").write_text(text, encoding="utf-8")
    shutil.copyfile(workspace / "data" / "lexicon.tsv", target / "data" / "lexicon.tsv")
    for stage in _REFUSED:
        name = Path("data") / "quarantine" / f"{stage}.parquet"
        refused = read_table(workspace / name, [column for column in QUARANTINE.names if column != "audio"])
        silent = pa.nulls(len(refused), QUARANTINE.field("audio").type)
        write_table(refused.append_column("audio", silent).cast(QUARANTINE), target / name)
    for path in start_files(params.train.start):
        if path.is_absolute():
            raise ValueError(
                f"train.start names {path}: a kit takes along what lies in the workspace, named from there"
            )
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(workspace / path, target / path)


def _write_code(kit: Path) -> None:
    """The code as one archive, the same bytes for the same files; and what starts it."""
    paths = [path for name in CODE for path in _files(ROOT / name)]
    with zipfile.ZipFile(kit / contents.CODE, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(paths):
            archive.writestr(
                zipfile.ZipInfo(path.relative_to(ROOT).as_posix()), path.read_bytes(), zipfile.ZIP_DEFLATED
            )
    shutil.copyfile(Path(__file__).parent / "run.py", kit / "run.py")


def _files(entry: Path) -> list[Path]:
    if entry.is_file():
        return [entry]
    return [path for path in entry.rglob("*") if path.is_file() and path.parent.name != "__pycache__"]


def _write_wheels(kit: Path, options: Options) -> None:
    folder = kit / contents.WHEELS
    folder.mkdir()
    if options.wheels is None:
        wheels.download(folder, options.python)
    else:
        for path in options.wheels.glob("*.whl"):
            shutil.copyfile(path, folder / path.name)


def _write_utterances(tables: list[pa.Table], folder: Path, kit: Path) -> None:
    (kit / contents.UTTERANCES).mkdir()
    for table, path in zip(tables, shard_paths(folder), strict=True):
        if len(table):
            pq.write_table(table, kit / contents.UTTERANCES / path.name, compression="zstd", compression_level=19)


def _write_audio(tables: list[pa.Table], recordings: Path, kit: Path, params: Params, options: Options) -> dict:
    """What cannot be made again as Opus, the rest as what makes it; returns what to say of the kit."""
    spoken = spoken_recordings(recordings, params.corpora)
    variants = variants_of(params.corpora)
    known = {name for table in read_shards(recordings, RECORDINGS, ["id"]) for name in table["id"].to_pylist()}
    cuts: list[tuple[Origin, float, float]] = []
    hours = {"recorded": 0.0, "made again": 0.0}
    columns = (_values(tables, name) for name in ("recording_id", "corpus", "start_s", "end_s"))
    for name, corpus, start, end in zip(*columns, strict=True):
        origin = origin_of(name, variants.get(corpus, ()), known)
        cuts.append((origin, start, end))
        again = origin.speed != 1 or name in spoken
        hours["made again" if again else "recorded"] += (end - start) / 3600
    spans = spans_of(cuts)
    said = [{"recording": name, **spoken[name]._asdict()} for name in sorted(spans) if name in spoken]
    schema = pa.schema([(name, pa.string()) for name in ("recording", "voice", "text")])
    pq.write_table(pa.Table.from_pylist(said, schema=schema), kit / contents.TEACHER, compression="zstd")
    recorded = {name: some for name, some in spans.items() if name not in spoken}
    room = (options.max_mib - contents.size_mib(kit)) * contents.MIB - _SPARE
    kbps = write_sounds(recordings, recorded, kit / contents.SOUNDS, room, options.min_kbps)
    return {
        "utterances": len(cuts),
        "hours": {kind: round(value, 3) for kind, value in hours.items()},
        "opus_hours": round(total_s(recorded) / 3600, 3),
        "opus_kbps": kbps,
        "left_out": sorted(options.without),
    }
