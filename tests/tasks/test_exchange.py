"""Out to other tools, which open it themselves, and back through our own readers with nothing lost."""

import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st

from tasks.audio import to_flac
from tasks.exchange import WRITERS, export
from tasks.exchange.names import unique_names
from tasks.ingest.readers import read_corpus
from tasks.records import RECORDINGS, UTTERANCES, shard_of, write_shard

RATE = 16000
SHARDS = 3
#: Utterance id → recording, speaker, language, text, split, start in seconds, length in seconds.
SPOKEN = {
    "tiny/a": ("tiny/a", "ann", "en-US", "Please enter your number.", "train", 0.3, 0.9),
    "tiny/talk/00000300": ("tiny/talk", "ann", "en-US", 'He said "now", and left.', "train", 0.3, 0.7),
    "tiny/talk/00001100": ("tiny/talk", "ben", "en-US", "That agent is logged on.", "test", 1.1 + 2 / RATE, 0.6),
    "tiny/deep/er/b": ("tiny/deep/er/b", "ben", "de-AT", "Grüße aus Köln – schöne!", "test", 0.25, 1.0),
}


def empty(schema: pa.Schema) -> dict:
    """A row with something in every column that must have it."""
    given = {pa.string(): "?", pa.float64(): 0.5, pa.float32(): 0.25, pa.int32(): 1}
    return {field.name: None if field.nullable else given.get(field.type, []) for field in schema}


def write(root: Path, name: str, rows: list[dict], schema: pa.Schema) -> None:
    for shard in range(SHARDS):
        own = [row for row in rows if shard_of(row["id"], SHARDS) == shard]
        if own:
            write_shard(own, root / "data" / name, shard, schema)


def origin(row_id: str, speaker: str, language: str) -> dict:
    terms = {"corpus": row_id.partition("/")[0], "licence": "CC0-1.0", "consent_id": f"c-{speaker}"}
    return {"id": row_id, "speaker": speaker, "language": language, **terms}


def make(root: Path, wave: np.ndarray, spoken: dict) -> Path:
    """A project whose recordings hold `wave`, and whose utterances are cut from it."""
    recordings, utterances = {}, []
    for row_id, (recording, speaker, language, text, split, start_s, length_s) in spoken.items():
        start, end = round(start_s * RATE), round((start_s + length_s) * RATE)
        cut = to_flac(wave[start:end], RATE)
        row = empty(UTTERANCES) | origin(row_id, speaker, language)
        row |= {"recording_id": recording, "text": text, "split": split, "audio": {"bytes": cut, "path": "x.flac"}}
        times = {"start_s": start / RATE, "end_s": end / RATE, "duration_s": (end - start) / RATE}
        utterances.append({**row, **times, "sample_rate_hz": RATE, "audio_key": hashlib.sha1(cut).hexdigest()})
        whole = {"bytes": to_flac(wave, RATE), "path": "x.flac"}
        of_recording = origin(recording, speaker, language) | {"sample_rate_hz": RATE, "audio": whole}
        recordings.setdefault(recording, empty(RECORDINGS) | of_recording)
    write(root, "utterances", utterances, UTTERANCES)
    write(root, "recordings", list(recordings.values()), RECORDINGS)
    return root


@pytest.fixture(scope="module")
def wave(say):
    return say("Please enter your number, then press the pound key.")


@pytest.fixture(scope="module")
def tiny(wave, tmp_path_factory):
    return make(tmp_path_factory.mktemp("project"), wave, SPOKEN)


@pytest.fixture(scope="module")
def folders(tiny):
    """Format → folder written by it."""
    for to in WRITERS:
        export(tiny, to, tiny / to)
    return {to: tiny / to for to in WRITERS}


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    """The package, unable to ask anybody for anything."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
            patch.setenv(name, "1")
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf")))
        yield pytest.importorskip("datasets")


def rows_of(root: Path) -> dict[str, dict]:
    """Every utterance of a project by its id below the corpus."""
    table = pa.concat_tables([pq.read_table(path) for path in (root / "data" / "utterances").glob("*.parquet")])
    return {row["id"].partition("/")[2]: row for row in table.to_pylist()}


def samples(content) -> np.ndarray:
    """int16 (T,) of bytes or of a file."""
    return sf.read(io.BytesIO(content) if isinstance(content, bytes) else content, dtype="int16")[0]


def without_audio(row: dict) -> dict:
    return {name: value for name, value in row.items() if name != "audio"}


def test_lhotse_itself_opens_its_manifests(folders, tiny):
    import lhotse

    recordings = lhotse.load_manifest(folders["lhotse"] / "recordings.jsonl.gz").with_path_prefix(folders["lhotse"])
    supervisions = lhotse.load_manifest(folders["lhotse"] / "supervisions.jsonl.gz")
    lhotse.validate_recordings_and_supervisions(recordings=recordings, supervisions=supervisions, read_data=True)
    cuts: Any = lhotse.CutSet.from_manifests(recordings=recordings, supervisions=supervisions)
    rows = rows_of(tiny)
    assert {cut.recording_id for cut in cuts} == set(rows)
    for cut in cuts:
        row, said = rows[cut.recording_id], cut.supervisions[0]
        assert (said.text, said.speaker, said.language) == (row["text"], row["speaker"], row["language"])
        assert np.array_equal(np.round(cut.load_audio()[0] * 32768), samples(row["audio"]["bytes"]))
        assert said.custom.pop("utterance_id") == row["id"]
        assert said.custom.pop("source_recording_id") == row["recording_id"]
        assert said.custom.items() <= row.items() and {"licence", "consent_id", "start_s"} < said.custom.keys()


def test_lhotse_opens_the_kaldi_folder(folders, tiny, monkeypatch):
    from lhotse.kaldi import load_kaldi_data_dir

    monkeypatch.chdir(folders["kaldi"])
    supervisions: Any
    recordings, supervisions, _ = load_kaldi_data_dir(Path(), sampling_rate=RATE)
    rows = rows_of(tiny)
    assert {said.id for said in supervisions} == set(rows)
    for said in supervisions:
        row = rows[said.id]
        assert (said.text, said.speaker, said.language) == (row["text"], row["speaker"], row["language"])
        assert said.duration == pytest.approx(row["duration_s"], abs=1e-6)
        assert np.array_equal(
            np.round(recordings[said.recording_id].load_audio()[0] * 32768), samples(row["audio"]["bytes"])
        )


def test_a_kaldi_folder_is_sorted_as_kaldi_wants_it(folders):
    folder = folders["kaldi"]
    for name in ("wav.scp", "text", "utt2spk", "spk2utt", "utt2lang", "utt2dur"):
        lines = (folder / name).read_bytes().splitlines()
        assert lines == sorted(lines) and lines
    assert (folder / "spk2utt").read_text() == "ann a talk/00000300\nben deep/er/b talk/00001100\n"


def test_datasets_itself_opens_the_parquet(folders, tiny, datasets, tmp_path):
    loaded = datasets.load_dataset(str(folders["hf"]), cache_dir=str(tmp_path))
    assert set(loaded) == {"train", "test"} and loaded["train"].features["audio"] == datasets.Audio()
    rows = rows_of(tiny)
    found = {}
    for split, part in loaded.items():
        for row in part.cast_column("audio", datasets.Audio(decode=False)):
            assert row["split"] == split
            found[row["id"]] = row
    assert set(found) == set(rows)
    for name, row in rows.items():
        assert found[name].pop("utterance_id") == row["id"]
        assert found[name].pop("audio")["bytes"] == row["audio"]["bytes"]
        assert without_audio(row) | {"id": name} == found[name]


@pytest.mark.parametrize("to", ["kaldi", "ljspeech"])
def test_a_side_file_holds_the_whole_rows(folders, tiny, to):
    lines = [json.loads(line) for line in (folders[to] / "voiceloom.jsonl").read_text().splitlines()]
    assert {line.pop("name"): line for line in lines} == {
        name: without_audio(row) for name, row in rows_of(tiny).items()
    }


def test_labels_are_as_audacity_writes_them_and_ids_wait_beside(folders, tiny):
    folder, rows = folders["audacity"], rows_of(tiny)
    start, end, text = (folder / "talk.txt").read_text().splitlines()[1].split("\t")
    assert (start, end, text) == ("1.100125", "1.700125", "That agent is logged on.")
    side = json.loads((folder / "voiceloom.json").read_text())["recordings"]
    assert sorted(side) == ["a", "deep/er/b", "talk"] and side["deep/er/b"]["language"] == "de-AT"
    assert [segment["id"] for segment in side["talk"]["segments"]] == ["00000300", "00001100"]
    assert [segment["speaker"] for segment in side["talk"]["segments"]] == ["ann", "ben"]
    assert side["a"]["segments"][0]["id"] is None
    for segment in side["talk"]["segments"]:
        row = rows[f"talk/{segment.pop('id')}"]
        assert segment.pop("utterance_id") == row["id"] and segment.items() <= row.items()


@pytest.mark.parametrize("to", ["kaldi", "lhotse", "hf", "ljspeech"])
def test_a_folder_comes_back_through_our_own_reader(folders, tiny, to):
    sources = {source.id: source for source in read_corpus("tiny", folders[to], "auto", "en-US")}
    rows = rows_of(tiny)
    assert sources.keys() == rows.keys()
    for name, row in rows.items():
        source = sources[name]
        assert source.problem is None and source.text == row["text"] and source.text_kind == "transcript"
        assert (source.speaker, source.language) == (row["speaker"], row["language"])
        assert np.array_equal(read_back(source), samples(row["audio"]["bytes"]))


def read_back(source) -> np.ndarray:
    """What ingest would decode."""
    if source.member is None:
        return samples(source.path)
    return samples(pq.read_table(source.path)["audio"][source.member].as_py()["bytes"])


def test_labels_come_back_through_our_own_reader(folders, tiny):
    rows = rows_of(tiny)
    found = {}
    for source in read_corpus("tiny", folders["audacity"], "auto", "en-US"):
        assert source.problem is None and source.text_kind == "segments"
        for segment in source.segments:
            name = f"{source.id}/{segment.id}" if segment.id else source.id
            found[name] = segment
            row = rows[name]
            assert segment.text == row["text"]
            assert (segment.speaker or source.speaker, source.language) == (row["speaker"], row["language"])
            assert (segment.start_s, segment.end_s) == pytest.approx((row["start_s"], row["end_s"]), abs=1e-6)
            bounds = [round(at * RATE) for at in (segment.start_s, segment.end_s)]
            assert np.array_equal(samples(source.path)[slice(*bounds)], samples(row["audio"]["bytes"]))
    assert found.keys() == rows.keys()


def test_a_corrected_label_keeps_its_id(folders, tmp_path):
    """What is corrected is a text, a time, a label that was cut in two; the new one has no id yet."""
    folder = tmp_path / "tiny"
    shutil.copytree(folders["audacity"], folder)
    first, second = (folder / "talk.txt").read_text().splitlines()
    corrected = first.replace("left", "went").replace("0.300000", "0.250000")
    halves = second.replace("1.700125", "1.500000"), "1.500000\t1.700125\tSo it is."
    (folder / "talk.txt").write_text("\n".join((corrected, *halves)))
    sources = {source.id: source for source in read_corpus("tiny", folder, "auto", "en-US")}
    labels = [(label.id, label.speaker, label.start_s, label.text) for label in sources["talk"].segments]
    assert labels[:2] == [
        ("00000300", "ann", 0.25, 'He said "now", and went.'),
        ("00001100", "ben", 1.1 + 2 / RATE, "That agent is logged on."),
    ]
    assert labels[2][0] is None and labels[2][3] == "So it is."


def test_a_split_or_a_corpus_goes_out_alone(wave, tmp_path):
    spoken = {**SPOKEN, "other/a": ("other/a", "cy", "fr", "Bonjour.", "train", 0.3, 0.6)}
    root = make(tmp_path, wave, spoken)
    exported = export(root, "kaldi", root / "test", split="test")
    assert exported.utterances == 2 and exported.minutes == pytest.approx(1.6 / 60)
    export(root, "ljspeech", root / "other", corpus="other")
    assert (root / "other" / "metadata.csv").read_text() == "a|Bonjour.|Bonjour.|cy|fr\n"
    export(root, "kaldi", root / "both", split="train")
    assert (root / "both" / "utt2lang").read_text().splitlines()[0] == "other/a fr"
    with pytest.raises(ValueError, match="no utterance is both of corpus 'other' and of split 'test'"):
        export(root, "kaldi", root / "none", split="test", corpus="other")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"to": "vctk"}, "there is no format 'vctk'; the formats are: audacity, lhotse, kaldi, hf, ljspeech"),
        ({"split": "dev"}, "there is no utterance of split 'dev'; there are: test, train"),
        ({"corpus": "huge"}, "there is no utterance of corpus 'huge'; there are: tiny"),
    ],
)
def test_a_wrong_choice_is_one_sentence(tiny, tmp_path, arguments, sentence):
    with pytest.raises(ValueError) as raised:
        export(**{"root": tiny, "to": "kaldi", "output": tmp_path / "out"} | arguments)
    assert str(raised.value) == sentence and not list(tmp_path.iterdir())


def test_files_that_are_there_stay(tiny, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    with pytest.raises(ValueError, match="holds files already; name a new or an empty folder"):
        export(tiny, "kaldi", tmp_path / "mine")
    with pytest.raises(ValueError, match="is a file; name a new folder"):
        export(tiny, "kaldi", tmp_path / "mine" / "notes.txt")
    (tmp_path / "empty").mkdir()
    export(tiny, "kaldi", tmp_path / "empty")
    assert (tmp_path / "empty" / "text").is_file()


def test_a_text_that_the_format_cannot_hold_leaves_no_folder(wave, tmp_path):
    spoken = {**SPOKEN, "tiny/p": ("tiny/p", "ann", "en-US", "one | two", "train", 0.3, 0.6)}
    root = make(tmp_path / "project", wave, spoken)
    with pytest.raises(ValueError, match=r"utterance tiny/p has a \| in its text"):
        export(root, "ljspeech", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["project"]


def test_labels_need_the_recordings(wave, tmp_path):
    root = make(tmp_path, wave, SPOKEN)
    write(root, "recordings", [], RECORDINGS)
    for path in (root / "data" / "recordings").iterdir():
        rows = [row for row in pq.read_table(path).to_pylist() if row["id"] != "tiny/talk"]
        write_shard(rows, path.parent, int(path.stem[-3:]), RECORDINGS)
    with pytest.raises(ValueError, match=r"recording tiny/talk is not in .*recordings; run the stages again"):
        export(root, "audacity", root / "out")


@pytest.mark.parametrize("to", WRITERS)
def test_the_same_rows_give_the_same_bytes(folders, tiny, tmp_path, to):
    export(tiny, to, tmp_path / "again")
    files = [path.relative_to(folders[to]) for path in folders[to].rglob("*") if path.is_file()]
    assert len(files) > 4
    assert all((tmp_path / "again" / path).read_bytes() == (folders[to] / path).read_bytes() for path in files)


@given(st.sets(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("aA./ |é")), min_size=1, max_size=8))
def test_names_are_safe_and_each_given_once(ids):
    names = unique_names({row_id: row_id for row_id in ids})
    assert len({name.casefold() for name in names.values()}) == len(ids)
    for name in names.values():
        assert not name.startswith("/") and not set(name) & set(' |\\:*?"<>\n\0')
        assert all(part and not part.startswith(".") and len(part.encode()) < 200 for part in name.split("/"))


def test_a_usual_name_stays():
    wanted = {"tiny/p225/p225_001.x": "p225/p225_001.x", "tiny/слово": "слово", "tiny/a b": "a b", "t/..": ".."}
    names = unique_names(wanted)
    assert names["tiny/p225/p225_001.x"] == "p225/p225_001.x" and names["tiny/слово"] == "слово"
    assert names["tiny/a b"].startswith("a_b-") and names["t/.."].startswith("_.-")
