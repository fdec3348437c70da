import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile as sf

from tasks.audio import to_flac
from tasks.ingest import readers
from tasks.ingest.readers import columns, lines
from tasks.ingest.readers.source import Segment
from tasks.records import AUDIO, RECORDINGS, read_rows
from tasks.stage import run_stage


def read(folder: Path, reader="auto", language="en-US"):
    return list(readers.read_corpus("c", folder, reader, language))


def by_id(folder: Path, reader="auto"):
    sources = read(folder, reader)
    assert len({source.id for source in sources}) == len(sources)
    return {source.id: source for source in sources}


def reasons(sources):
    return {source.id: source.problem.reason for source in sources if source.problem}


def chosen(folder: Path):
    return next((name for name, module in readers.READERS.items() if module.matches(folder)), None)


def make(root: Path, files: dict[str, str | bytes | None]):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content or b"")


@pytest.fixture
def corpus(tmp_path):
    """A corpus folder, with a file beside it that no corpus may reach."""
    (tmp_path / "secret.wav").write_text("secret")
    folder = tmp_path / "corpus"
    folder.mkdir()
    return folder


# VCTK


def test_vctk_in_both_releases(corpus):
    new, old = corpus / "VCTK-Corpus-0.92", corpus / "old" / "VCTK-Corpus"
    make(
        new,
        {
            "speaker-info.txt": "ID  AGE  GENDER  ACCENTS  REGION\np225  23  F    English    Southern  England\n",
            "wav48_silence_trimmed/p225/p225_001_mic1.flac": None,
            "wav48_silence_trimmed/p225/p225_001_mic2.flac": None,
            "wav48_silence_trimmed/p225/p225_002_mic2.flac": None,
            "wav48_silence_trimmed/p315/p315_001_mic1.flac": None,
            "txt/p225/p225_001.txt": "Please call Stella.\n",
            "txt/p225/p225_002.txt": "Ask her to bring\nthese things.",
            "txt/p225/p225_003.txt": "Never recorded.",
            "txt/s5/s5_001.txt": b"\xff",
            "wav48_silence_trimmed/s5/s5_001_mic1.flac": None,
        },
    )
    make(old, {"wav48/p226/p226_001.wav": None, "txt/p226/p226_001.txt": "Please call Stella."})
    assert chosen(corpus) == "vctk"
    found = by_id(corpus)
    assert found["p225_001"].path == new / "wav48_silence_trimmed/p225/p225_001_mic1.flac"
    assert (found["p225_001"].text, found["p225_001"].speaker) == ("Please call Stella.", "p225")
    assert found["p225_002"].path.name == "p225_002_mic2.flac"
    assert found["p225_002"].text == "Ask her to bring these things."
    assert (found["p225_003"].path, found["p225_003"].speaker) == (None, "p225")
    assert (found["p315_001"].text, found["p315_001"].problem) == (None, None)
    assert found["p226_001"].path == old / "wav48/p226/p226_001.wav"
    assert reasons(found.values()) == {"s5_001": "bad_text"} and len(found) == 6


def test_vctk_links_lead_nowhere(corpus):
    make(corpus, {"wav48/p1/p1_001.wav": None, "txt/p1/p1_001.txt": "One."})
    (corpus / "wav48" / "p1" / "p1_002.wav").symlink_to(corpus.parent / "secret.wav")
    (corpus / "txt" / "p1" / "p1_003.txt").symlink_to(corpus.parent / "secret.wav")
    (corpus / "wav48" / "p2").symlink_to(corpus.parent)
    found = read(corpus)
    assert reasons(found) == {"p1_002": "outside_corpus", "p1_003": "outside_corpus"}
    assert len(found) == 3 and "secret" not in repr(found[2].text)


# Common Voice

CV_COLUMNS = [
    *("client_id", "path", "sentence_id", "sentence", "sentence_domain", "up_votes", "down_votes", "age", "gender"),
    *("accents", "variant", "locale", "segment"),
]
ANN, BOB = "ab12" * 32, "ab12" * 4 + "ff" * 56


def tsv(*rows: dict, columns=CV_COLUMNS):
    lines = ["\t".join(columns), *("\t".join(row.get(column, "") for column in columns) for row in rows)]
    return "\n".join(lines) + "\n"


def clip(number, client=ANN, sentence="Guten Tag.", locale="de"):
    name = f"common_voice_{locale}_{number}.mp3"
    return {"client_id": client, "path": name, "sentence": sentence, "locale": locale, "up_votes": "2"}


def test_common_voice_prefers_what_was_validated(corpus):
    root = corpus / "cv-corpus-17.0-2024-03-15"
    quoted = clip(2, BOB, '"Ja", sagte sie, "nein".')
    make(
        root / "de",
        {
            "validated.tsv": tsv(clip(1), quoted, clip(3, locale="xx-not a tag"), {**clip(4), "path": "../../x.mp3"}),
            "train.tsv": tsv(clip(9)),
            "other.tsv": tsv(clip(10)),
            **{f"clips/common_voice_de_{number}.mp3": None for number in (1, 2, 9, 10)},
        },
    )
    make(root / "zh-HK", {"train.tsv": tsv(clip(5, locale="zh-HK")), "clips/common_voice_zh-HK_5.mp3": None})
    make(root / "zh-HK", {"test.tsv": tsv(clip(6, locale="zh-HK")), "clips/common_voice_zh-HK_6.mp3": None})
    assert chosen(corpus) == "commonvoice"
    found = read(corpus)
    assert [source.id.rpartition("_")[2] for source in found] == ["1", "2", "3", "x", "5", "6"]
    assert (found[0].speaker, found[0].language, found[0].text) == (ANN[:16], "de", "Guten Tag.")
    assert found[1].text == '"Ja", sagte sie, "nein".'
    assert found[1].speaker == BOB, "two speakers whose ids begin alike stay two"
    assert [source.problem.reason for source in found[2:4]] == ["missing_file", "missing_file"]
    assert (found[4].language, found[4].path) == ("zh-HK", root / "zh-HK/clips/common_voice_zh-HK_5.mp3")


def test_common_voice_never_leaves_the_corpus(corpus):
    rows = [{**clip(1), "path": path} for path in ("../../secret.wav", "/etc/passwd", "link.mp3")]
    make(corpus, {"validated.tsv": tsv(*rows) + "\xff\n", "clips/x.mp3": None})
    (corpus / "clips" / "link.mp3").symlink_to(corpus.parent / "secret.wav")
    assert [source.problem.reason for source in read(corpus)[:3]] == ["outside_corpus"] * 3


def test_common_voice_of_the_first_release_and_with_a_column_missing(corpus):
    few = ["client_id", "path", "sentence", "up_votes", "accent"]
    row = {"client_id": "ann", "path": "common_voice_en_1", "sentence": "Hello."}
    make(corpus, {"validated.tsv": tsv(row, columns=few), "clips/common_voice_en_1.mp3": None})
    [source] = read(corpus)
    assert (source.path.name, source.speaker, source.language) == ("common_voice_en_1.mp3", "ann", None)
    make(corpus, {"validated.tsv": tsv(row, columns=["client_id", "path", "text"])})
    with pytest.raises(ValueError, match=r"validated\.tsv has no column 'sentence'; found: client_id, path, text"):
        read(corpus)


# Kaldi and ESPnet


def test_kaldi_utterances(corpus):
    make(
        corpus,
        {
            "data/train/wav.scp": "u1 wav/u1.wav\nu2\t/export/elsewhere/corpus/wav/u 2.wav\nu3 /gone/u3.wav\n",
            "data/train/text": "u1  HELLO   WORLD\nu2 Zwei\nu3 three\nu4 four\n",
            "data/train/utt2spk": "u1 ann\nu2 bob\n",
            "data/train/utt2lang": "u2 de_DE\n",
            "data/train/split2/1/wav.scp": "u1 wav/u1.wav\n",
            "data/train_small/wav.scp": "u1 wav/u1.wav\n",
            "data/train_small/text": "u1 HELLO WORLD\n",
            "data/eval/wav.scp": "e1 e1.wav\n",
            "data/eval/e1.wav": None,
            "wav/u1.wav": None,
            "wav/u 2.wav": None,
        },
    )
    assert chosen(corpus) == "kaldi"
    found = by_id(corpus)
    assert (found["u1"].text, found["u1"].speaker, found["u1"].language) == ("HELLO   WORLD", "ann", None)
    assert (found["u2"].path, found["u2"].language) == (corpus / "wav" / "u 2.wav", "de-DE")
    assert (found["u3"].path, found["u3"].problem.reason) == (None, "outside_corpus")
    assert (found["u4"].path, found["u4"].text) == (None, "four")
    assert (found["e1"].text_kind, found["e1"].path) == ("none", corpus / "data/eval/e1.wav")
    assert set(found) == {"u1", "u2", "u3", "u4", "e1"}


def test_kaldi_segments(corpus):
    make(
        corpus,
        {
            "wav.scp": "rec1 rec1.flac\nrec2 rec2.flac\n",
            "rec1.flac": None,
            "rec2.flac": None,
            "segments": "a1 rec1 0.5 2.25\na2 rec1 2.5 4.0 1\nb1 rec1 9 8\nb2 rec1 x 3\nb3 rec1 nan 3\nc1 rec3 0 1\n",
            "text": "a1 one\na2 two\nb1 three\nb2 four\nb3 five\nc1 six\n",
            "utt2spk": "a1 ann\na2 bob\n",
            "utt2lang": "a1 en\na2 eng\n",
        },
    )
    found = by_id(corpus)
    recording = found["rec1"]
    assert recording.segments == (Segment(0.5, 2.25, "one", "a1", "ann"), Segment(2.5, 4.0, "two", "a2", "bob"))
    assert (recording.text_kind, recording.text, recording.language) == ("segments", None, "en")
    bad = {"rec1/b1": "bad_label", "rec1/b2": "bad_label", "rec1/b3": "bad_label"}
    assert reasons(found.values()) == {**bad, "rec2": "no_transcript", "rec3": "missing_file"}
    make(corpus, {"utt2lang": "a1 en\na2 de\n"})
    assert by_id(corpus)["rec1"].problem.reason == "bad_language"


def test_data_folders_that_share_a_recording_lose_no_segment(corpus):
    make(
        corpus,
        {
            "rec1.flac": None,
            **{f"data/{name}/wav.scp": "rec1 rec1.flac\n" for name in ("a", "b", "c")},
            **{f"data/{name}/text": "a1 one\na2 two\na3 three\n" for name in ("a", "b", "c")},
            "data/a/segments": "a1 rec1 0 1\na2 rec1 1 2\n",
            "data/b/segments": "a2 rec1 1 2\na3 rec1 2 3\n",
            "data/c/segments": "a3 rec1 2 3\n",
        },
    )
    found = {source.id: [segment.id for segment in source.segments] for source in read(corpus)}
    assert found == {"rec1": ["a1", "a2"], "data/b/rec1": ["a3"]}


def test_nothing_in_wav_scp_is_run_or_read_elsewhere(corpus):
    scp = [
        "p1 touch executed |",
        "p2 |touch executed",
        "p3 sox in.wav -t wav - |",
        "ark1 dump/raw/data.ark:1234",
        "ark2 data.ark:1234[0:100]",
        "up ../secret.wav",
        "abs /etc/passwd",
        f"real {corpus.parent}/secret.wav",
        "link link.wav",
        "none",
        "gone gone.wav",
        "bad \udcff.wav",
        "u1 u1.wav",
        "u1 u1.wav",
    ]
    make(corpus, {"wav.scp": "\n".join(scp).encode("utf-8", "surrogateescape"), "text": "u1 one\n", "u1.wav": None})
    (corpus / "link.wav").symlink_to(corpus.parent / "secret.wav")
    found = read(corpus)
    assert reasons(found) == {
        **{"p1": "pipe", "p2": "pipe", "p3": "pipe", "ark1": "archive", "ark2": "archive"},
        **{"up": "outside_corpus", "abs": "outside_corpus", "real": "outside_corpus", "link": "outside_corpus"},
        **{"none": "missing_file", "gone": "missing_file", "wav.scp:12": "bad_text"},
    }
    assert [source.id for source in found if not source.problem] == ["u1", "u1"], "ingest refuses the second"
    assert not (corpus / "executed").exists() and not Path("executed").exists()


def test_kaldi_tables_that_are_links_are_not_read(corpus):
    make(corpus, {"wav.scp": "u1 u1.wav\n", "u1.wav": None})
    (corpus.parent / "secret.txt").write_text("u1 the secret\n")
    (corpus / "text").symlink_to(corpus.parent / "secret.txt")
    assert by_id(corpus)["u1"].text is None


# Lhotse


def tone(path: Path, seconds=1.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = 0.1 * np.sin(2 * np.pi * 220 * np.arange(int(16000 * seconds)) / 16000)
    sf.write(path, wave, 16000)
    return path


@pytest.fixture
def manifests(corpus):
    """What lhotse's own recipes make of two recordings: one utterance, and two on a longer one."""
    lhotse = pytest.importorskip("lhotse")
    recordings = lhotse.RecordingSet.from_recordings(
        lhotse.Recording.from_file(tone(corpus / "audio" / f"{name}.wav", seconds), recording_id=name)
        for name, seconds in (("short", 1.0), ("long", 3.0))
    )
    said = {"channel": 0, "language": "English"}
    supervisions = lhotse.SupervisionSet.from_segments(
        [
            lhotse.SupervisionSegment("s-1", "short", 0.0, 1.0, text="A short one.", speaker="ann", **said),
            lhotse.SupervisionSegment("l-1", "long", 0.25, 1.0, text="One.", speaker="ann", **said),
            lhotse.SupervisionSegment("l-2", "long", 1.5, 1.25, text="Two.", speaker="bob", custom={"x": 1}, **said),
        ]
    )
    return lhotse, recordings, supervisions


def check_manifests(found, corpus):
    short, long = found["short"], found["long"]
    assert (short.text, short.speaker, short.language) == ("A short one.", "ann", "en")
    assert (short.text_kind, short.path) == ("transcript", corpus / "audio" / "short.wav")
    assert long.segments == (Segment(0.25, 1.25, "One.", "l-1", "ann"), Segment(1.5, 2.75, "Two.", "l-2", "bob"))
    assert (long.text_kind, long.text) == ("segments", None)
    assert len(found) == 2


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz"])
def test_lhotse_recordings_and_supervisions(corpus, manifests, suffix):
    _, recordings, supervisions = manifests
    (corpus / "manifests").mkdir()
    recordings.to_file(corpus / "manifests" / f"tiny_recordings_train.{suffix}")
    supervisions.to_file(corpus / "manifests" / f"tiny_supervisions_train.{suffix}")
    assert chosen(corpus) == "lhotse"
    check_manifests(by_id(corpus), corpus)
    moved = corpus.rename(corpus.parent / "moved")
    check_manifests(by_id(moved), moved)


def test_lhotse_cuts(corpus, manifests):
    lhotse, recordings, supervisions = manifests
    cuts = lhotse.CutSet.from_manifests(recordings=recordings, supervisions=supervisions)
    cuts.to_file(corpus / "cuts_train.jsonl.gz")
    check_manifests(by_id(corpus), corpus)
    cuts.trim_to_supervisions(keep_overlapping=False).to_file(corpus / "cuts_train.jsonl.gz")
    check_manifests(by_id(corpus), corpus)


def test_lhotse_cuts_that_are_no_stretch_of_a_file(corpus, manifests):
    lhotse, recordings, supervisions = manifests
    cuts = lhotse.CutSet.from_manifests(recordings=recordings, supervisions=supervisions)
    padded = cuts.pad(duration=5.0)
    faster = lhotse.CutSet.from_cuts(cut.perturb_speed(1.1) for cut in cuts)
    padded.to_file(corpus / "a_cuts.jsonl")
    faster.to_file(corpus / "b_cuts.jsonl")
    found = read(corpus)
    assert {source.problem.reason for source in found} == {"unsupported_source"}
    assert len(found) == 4


def test_what_lhotse_exports_to_kaldi(corpus, manifests):
    kaldi = pytest.importorskip("lhotse.kaldi")
    _, recordings, supervisions = manifests
    kaldi.export_to_kaldi(recordings, supervisions, corpus / "data")
    moved = corpus.rename(corpus.parent / "moved")
    assert chosen(moved) == "kaldi"
    found = by_id(moved)
    assert [segment.id for segment in found["long"].segments] == ["l-1", "l-2"]
    assert found["short"].segments == (Segment(0.0, 1.0, "A short one.", "s-1", "ann"),)
    assert found["short"].path == moved / "audio" / "short.wav"


def line(**content):
    return json.dumps(content) + "\n"


def test_lhotse_runs_and_reads_nothing_elsewhere(corpus):
    def recording(name, source="a.wav", kind="file", **more):
        sources = [{"type": kind, "channels": [0], "source": source}]
        return line(id=name, sources=sources, sampling_rate=16000, num_samples=16000, duration=1.0, **more)

    recordings = [
        recording("ok"),
        recording("mute"),
        recording("command", "touch executed", "command"),
        recording("memory", "UklGRg==", "memory"),
        recording("url", "https://example.org/a.wav", "url"),
        recording("up", "../secret.wav"),
        recording("abs", "/etc/passwd"),
        recording("gone", "gone.wav"),
        line(id="two", sources=[{"type": "file", "source": "a.wav"}] * 2),
        line(id=7, sources=[]),
        line(id="odd", sources={"type": "file"}, duration="long"),
        "{not json}\n",
        "[" * 100_000 + "\n",
    ]
    supervisions = [
        line(id="ok-1", recording_id="ok", start=0, duration=1.0, text=" Hello. "),
        line(id="ok-2", recording_id="lost", start=0, duration=1.0, text="Lost."),
        *(line(id=[], recording_id="gone", start=10**400, duration=True, text=7) for _ in range(2)),
    ]
    make(corpus, {"recordings.jsonl": "".join(recordings), "supervisions.jsonl": "".join(supervisions), "a.wav": None})
    found = read(corpus)
    assert reasons(found) == {
        **dict.fromkeys(("command", "memory", "url", "two", "odd"), "unsupported_source"),
        **{"up": "outside_corpus", "abs": "outside_corpus", "gone": "missing_file", "ok-2": "missing_file"},
        **dict.fromkeys((f"recordings.jsonl:{number}" for number in (10, 12, 13)), "bad_manifest"),
    }
    good = {source.id: source.text for source in found if not source.problem}
    assert good == {"ok": "Hello.", "mute": None}
    assert not Path("executed").exists()
    make(corpus, {"supervisions.jsonl.gz": gzip.compress("".join(supervisions).encode())[:-20]})
    (corpus / "supervisions.jsonl").unlink()
    assert "truncated" in reasons(read(corpus)).values()


def test_lhotse_labels_without_sense_are_named(corpus):
    label = {"recording_id": "r", "text": "words"}
    supervisions = [
        line(id="good", start=0.5, duration=0.25, **label),
        line(id="back", start=0.5, duration=-0.25, **label),
        line(id="before", start=-1, duration=0.5, **label),
        line(id="never", start="soon", duration=1, **label),
        line(id="nan", start=float("nan"), duration=1, **label),
        line(id="huge", start=10**400, duration=1, **label),
        line(id="silent", start=0.5, duration=0.25, recording_id="r"),
    ]
    recording = line(id="r", sources=[{"type": "file", "channels": [0], "source": "r.wav"}], duration=1.0)
    make(corpus, {"recordings.jsonl": recording, "supervisions.jsonl": "".join(supervisions), "r.wav": None})
    found = by_id(corpus)
    assert found["r"].segments == (Segment(0.5, 0.75, "words", "good"),)
    assert set(reasons(found.values())) == {f"r/{name}" for name in ("back", "before", "never", "nan", "huge")}


# Hugging Face


@pytest.fixture
def dataset():
    """dataset(folder, rows, **columns): a file as `datasets` itself writes it."""
    datasets = pytest.importorskip("datasets")

    def write(path: Path, rows: list[dict], **features):
        path.parent.mkdir(parents=True, exist_ok=True)
        made = datasets.Dataset.from_list(rows).cast_column("audio", datasets.Audio(decode=False))
        for name, labels in features.items():
            made = made.cast_column(name, datasets.ClassLabel(names=labels))
        made.to_parquet(path)

    return write


def sound(content: bytes | None, path: str | None = None):
    return {"bytes": content, "path": path}


def test_datasets_in_parquet(corpus, dataset):
    rows = [
        {"id": "u1", "audio": sound(b"RIFF1", "u1.wav"), "text": "One.", "speaker_id": 19, "language": 1},
        {"id": "u2", "audio": sound(b"RIFF2", "u2.wav"), "text": " ", "speaker_id": 26, "language": 0},
    ]
    dataset(corpus / "data" / "train-00000-of-00001.parquet", rows, language=["en", "de"])
    dataset(corpus / "data" / "test-00000-of-00001.parquet", [{**rows[0], "id": "u3"}], language=["en", "de"])
    assert chosen(corpus) == "huggingface"
    found = by_id(corpus)
    first = found["u1"]
    assert (first.path.name, first.member) == ("train-00000-of-00001.parquet", 0)
    assert (first.text, first.speaker, first.language) == ("One.", "19", "de")
    assert (found["u2"].text, found["u2"].member, found["u2"].language) == (None, 1, "en")
    assert found["u3"].path.name == "test-00000-of-00001.parquet" and len(found) == 3


def test_a_row_of_a_table_is_taken_in(project, dataset):
    flac = to_flac(0.1 * np.random.default_rng(1).standard_normal(16000).astype(np.float32), 16000)
    rows = [{"audio": sound(flac, f"{name}.flac"), "text": name, "language": "de"} for name in "ab"]
    dataset(project.corpus / "data" / "train.parquet", rows)
    (project.corpus / "metadata.csv").unlink()
    run_stage("ingest", project.root)
    found = {row["id"]: row for row in read_rows(project.root / "data/recordings", RECORDINGS)}
    assert set(found) == {"tiny/a", "tiny/b"}
    assert (found["tiny/a"]["text"], found["tiny/a"]["language"], found["tiny/a"]["duration_s"]) == ("a", "de", 1.0)


def test_datasets_name_rows_by_what_tells_them_apart(corpus, dataset):
    rows = [{"id": 1, "audio": sound(b"x", f"clips/{name}.mp3"), "sentence": name} for name in "abc"]
    dataset(corpus / "0000.parquet", rows)
    assert {source.id: source.text for source in read(corpus)} == {"a": "a", "b": "b", "c": "c"}
    dataset(corpus / "0000.parquet", [{"audio": sound(b"x")} for _ in range(2)])
    found = by_id(corpus)
    assert set(found) == {"0000/000000", "0000/000001"}
    assert found["0000/000000"].text_kind == "none"


@pytest.mark.parametrize("names", [("a.wav", "b.wav", "../secret.wav", None), ("a.wav", None, "gone.wav", "b.wav")])
def test_tables_may_name_files_instead_of_holding_them(corpus, names):
    schema = pa.schema([("audio", AUDIO), ("text", pa.string())])
    rows = [{"audio": sound(None, name), "text": "words"} for name in names]
    make(corpus, {"data/a.wav": None, "b.wav": None})
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), corpus / "data" / "0000.parquet")
    expected = {"../secret.wav": "outside_corpus", None: "missing_file", "gone.wav": "missing_file"}
    found = read(corpus)
    assert [source.problem and source.problem.reason for source in found] == [expected.get(name) for name in names]
    assert [source.path and source.path.name for source in found] == [None if n in expected else n for n in names]
    assert all(source.member is None for source in found)
    rows[1] = {"audio": sound(b"bytes", "x.wav"), "text": "words"}
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), corpus / "data" / "0000.parquet")
    assert [source.member for source in read(corpus)] == [None, 1, None, None]


def test_tables_without_statistics_and_with_bare_bytes(corpus):
    bare = pa.table({"audio": pa.array([b"x" * 1000, b"y" * 1000]), "transcript": ["one", "two"]})
    pq.write_table(bare, corpus / "a.parquet", write_statistics=False)
    struct = pa.table({"speech": pa.array([sound(b"x" * 1000, "s.wav")]), "speaker": ["ann"], "normalized_text": ["ä"]})
    pq.write_table(struct, corpus / "b.parquet", write_statistics=False)
    found = read(corpus)
    assert [(source.id, source.text, source.member) for source in found] == [
        ("a/000000", "one", 0),
        ("a/000001", "two", 1),
        ("b/000000", "ä", 0),
    ]
    assert found[2].speaker == "ann"


def test_broken_tables_are_named(corpus, dataset):
    dataset(corpus / "good.parquet", [{"audio": sound(b"x", "a.wav"), "text": "words", "language": "Klingonese"}])
    whole = (corpus / "good.parquet").read_bytes()
    at = whole.index(b"words")
    make(corpus, {"cut.parquet": whole[:-9], "empty.parquet": b"", "text.parquet": "no table"})
    make(corpus, {"page.parquet": whole[: at - 30] + bytes(40) + whole[at + 10 :]})
    pq.write_table(pa.table({"text": ["no audio"]}), corpus / "other.parquet")
    (corpus / "link.parquet").symlink_to(corpus.parent / "secret.wav")
    found = reasons(read(corpus))
    assert found.pop("page.parquet") in ("truncated", "bad_manifest")
    assert found == {
        **{"cut.parquet": "bad_manifest", "empty.parquet": "bad_manifest", "text.parquet": "bad_manifest"},
        **{"other.parquet": "bad_manifest", "a": "bad_language"},
    }


def test_a_row_that_is_no_text_is_one_bad_row(corpus):
    texts = pa.StringArray.from_buffers(3, pa.py_buffer(np.array([0, 1, 2, 3], np.int32)), pa.py_buffer(b"a\xffc"))
    table = pa.table({"audio": pa.array([sound(b"x", f"{name}.wav") for name in "abc"]), "text": texts, "id": texts})
    pq.write_table(table, corpus / "a.parquet")
    found = read(corpus)
    assert [source.text for source in found] == ["a", None, "c"]
    assert [source.problem.reason for source in found if source.problem] == ["bad_text"]


@pytest.mark.parametrize(
    "features", [5, {"language": 5}, {"language": {"_type": "ClassLabel", "names": 5}}, "[" * 9**5]
)
def test_what_datasets_notes_in_a_table_is_not_trusted(corpus, features):
    noted = features if isinstance(features, str) else json.dumps({"info": {"features": features}})
    table = pa.table({"audio": pa.array([sound(b"x", "a.wav")]), "text": ["words"], "language": ["de"]})
    pq.write_table(table.replace_schema_metadata({"huggingface": noted}), corpus / "a.parquet")
    assert [(source.text, source.language) for source in read(corpus)] == [("words", "de")]
    twice = pa.Table.from_arrays([table["audio"], table["audio"]], ["audio", "audio"])
    pq.write_table(twice, corpus / "b.parquet")
    assert reasons(read(corpus)) == {"b.parquet": "bad_manifest"}


def test_one_huge_text_in_many_rows_is_held_once(corpus, monkeypatch):
    monkeypatch.setattr(columns, "_TEXT_LETTERS", 1000)
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 300, pa.int32()), pa.array(["x" * 5_000_000]))
    table = pa.table({"audio": pa.array([sound(b"x", "a.wav")] * 300), "text": texts})
    pq.write_table(table, corpus / "a.parquet", dictionary_pagesize_limit=1 << 30)
    before = pa.total_allocated_bytes()
    peak, reason = 0, set()
    for source in readers.read_corpus("c", corpus, "auto", "en"):
        peak = max(peak, pa.total_allocated_bytes() - before)
        reason.add(source.problem.reason)
    assert reason == {"text_too_long"} and peak < 50_000_000
    monkeypatch.setattr("tasks.ingest.readers.huggingface._TEXT_BYTES", 1_000_000)
    assert reasons(read(corpus, "huggingface")) == {"a.parquet": "decompression_bomb"}


# audio folder


def test_audio_folders(corpus):
    with (corpus / "metadata.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                ["file_name", "transcription", "speaker_id"],
                ["train/a.wav", 'She said, "yes".\nThen no.', "ann"],
                ["../secret.wav", "no", "ann"],
                ["train/gone.wav", "gone", "ann"],
                [],
                ["train/short.wav"],
            ]
        )
    make(corpus, {"train/a.wav": None, "train/b.wav": None, "train/short.wav": None, "test/c.flac": None})
    make(corpus, {"test/metadata.jsonl": line(file_name="c.flac", text="C.") + "{\n" + line(text="no file")})
    assert chosen(corpus) == "audiofolder"
    found = {source.id: source for source in read(corpus)}
    assert found["train/a"].text == 'She said, "yes".\nThen no.' and found["train/a"].speaker == "ann"
    assert (found["train/b"].text, found["train/b"].problem) == (None, None)
    assert (found["train/short"].text, found["test/c"].text) == (None, "C.")
    assert found["train/short"].text_kind == "transcript"
    assert reasons(found.values()) == {
        **{"secret": "outside_corpus", "gone": "missing_file"},
        **{"test/metadata.jsonl:2": "bad_manifest", "metadata.jsonl": "missing_file"},
    }


def test_an_audio_folder_with_a_quotation_mark_that_never_ends(corpus):
    rows = ["file_name,text", 'a.wav,"one', *("more words, and more" for _ in range(10_000)), "b.wav,two"]
    make(corpus, {"metadata.csv": "\n".join(rows).encode() + b"\n\xff,bad\n", "a.wav": None})
    found = read(corpus)
    assert "bad_text" in {source.problem.reason for source in found if source.problem}
    assert "bad_manifest" in {source.problem.reason for source in found if source.problem}


@pytest.mark.parametrize("first", ["x" * 200_000, 'file_name,"' + "x" * 200_000, "file_name\rtext", '"file_name,text'])
def test_a_first_line_that_is_no_header_is_no_audio_folder(corpus, first):
    make(corpus, {"metadata.csv": f"{first}\na.wav,one\n", "a.wav": None})
    assert chosen(corpus) == "ljspeech"


# sidecar


def test_a_text_beside_each_recording(corpus):
    make(
        corpus,
        {
            **{"ann/a.wav": None, "ann/a.txt": "Hello,\nworld.\n", "b.mp3": None, "b.lab": "hello"},
            **{"c.flac": None, "d.wav": None, "d.txt": b"\xff", "e.wav": None, "e.lab": "0.0 1.5 sil\n"},
            **{"f.wav": None, "f.mp3": None, "f.txt": "both", "g.wav": None, "readme.txt": "not a transcript"},
        },
    )
    (corpus / "g.txt").symlink_to(corpus.parent / "secret.wav")
    assert chosen(corpus) == "sidecar"
    found = by_id(corpus)
    assert found["ann/a"].text == "Hello, world." and found["b"].text == "hello"
    assert found["c"].text is None and found["e"].text is None
    assert found["f.wav"].text == found["f.mp3"].text == "both"
    assert reasons(found.values()) == {"d": "bad_text", "g": "outside_corpus"}
    assert all(source.speaker is None for source in found.values())


def test_librispeech_and_libritts(corpus):
    libri = "LibriSpeech/dev-clean/84/121123/84-121123"
    tts = "LibriTTS/dev-clean/1272/128104/1272_128104_000001_000000"
    make(
        corpus,
        {
            f"{libri}.trans.txt": "84-121123-0000 GO DO YOU HEAR\n84-121123-0001 BUT\n84-121123-0009 GONE\n",
            **{f"{libri}-0000.flac": None, f"{libri}-0001.flac": None},
            **{f"{tts}.wav": None, f"{tts}.normalized.txt": "Mister Smith.", f"{tts}.original.txt": "Mr. Smith."},
            "LibriTTS/dev-clean/1272/128104/1272_128104.trans.tsv": "1272_128104_000001_000000\tMr.\tMister\n",
        },
    )
    assert chosen(corpus) == "sidecar"
    found = {Path(source.id).name: source for source in read(corpus)}
    assert (found["84-121123-0000"].text, found["84-121123-0000"].speaker) == ("GO DO YOU HEAR", "84")
    assert found["84-121123-0009"].path is None
    spoken = found["1272_128104_000001_000000"]
    assert (spoken.text, spoken.speaker) == ("Mister Smith.", "1272")
    assert len(found) == 4


# LJSpeech


def test_ljspeech_lines_are_bad_one_by_one(corpus):
    lines = [b"a|one||ann|de", b"b|\xff", b"../secret.wav|up", b"up|link", b"c|three||ann|speech"]
    make(corpus, {"metadata.csv": b"\n".join(lines), "wavs/a.wav": None, "wavs/b.wav": None, "wavs/c.wav": None})
    (corpus / "wavs" / "up.wav").symlink_to(corpus.parent / "secret.wav")
    found = {source.id: source for source in read(corpus)}
    assert (found["a"].speaker, found["a"].language) == ("ann", "de")
    assert found["b"].text is None
    assert reasons(found.values()) == {
        **{"metadata.csv:2": "bad_text", "../secret.wav": "outside_corpus", "up": "outside_corpus"},
        "c": "bad_language",
    }


def test_a_long_line_in_metadata_is_one_bad_line(corpus):
    make(corpus, {"metadata.csv": b"a|" + b"x" * (lines.LINE_BYTES + 5) + b"\nb|two\n", "wavs/b.wav": None})
    assert reasons(read(corpus)) == {"metadata.csv:1": "line_too_long"}


def test_several_metadata_files_are_several_corpora(corpus):
    books = ("by_book/ann/one", "by_book/bob/two")
    for book in books:
        make(corpus / book, {"metadata.csv": "0001|words|Words.\n", "wavs/0001.wav": None})
    assert set(by_id(corpus)) == {f"{book}/0001" for book in books}


def test_a_name_with_folders_counts_from_wavs(corpus):
    make(corpus, {"metadata.csv": "a/b|words\n", "wavs/a/b.wav": None})
    [source] = read(corpus)
    assert (source.id, source.path) == ("a/b", corpus / "wavs/a/b.wav")


# asterisk


def test_prompts_of_a_packed_list_are_bounded(corpus):
    listing = b"one: One.\nbad: \xff\nlong: " + b"x" * (lines.LINE_BYTES + 1) + b"\n"
    make(corpus, {"sounds/en_US/one.g722": None, "core-sounds-en.txt.gz": gzip.compress(listing)})
    (corpus / "sounds" / "en_GB").symlink_to(corpus.parent)
    assert chosen(corpus) == "asterisk"
    found = {source.id: source for source in read(corpus)}
    assert found["one"].text == "One."
    assert reasons(found.values()) == {
        "core-sounds-en.txt.gz:2": "bad_text",
        "core-sounds-en.txt.gz:3": "line_too_long",
    }


# a folder of recordings


def test_a_folder_of_recordings_is_read_only_when_nothing_else_fits(corpus):
    make(corpus, {"a.wav": None, "films/b.MP4": None, "films/c.mkv": None, "notes.txt": "words", "._a.wav": None})
    (corpus / "out.wav").symlink_to(corpus.parent / "secret.wav")
    assert chosen(corpus) == "folder"
    found = by_id(corpus)
    assert set(found) == {"a", "films/b", "films/c", "out"}
    assert {source.text_kind for source in found.values()} == {"none"}
    assert reasons(found.values()) == {"out": "outside_corpus"} and found["out"].path is None
    make(corpus, {"metadata.csv": "a|words\n"})
    assert chosen(corpus) == "ljspeech"


@pytest.mark.parametrize("reader", list(readers.READERS))
def test_an_empty_folder_is_no_corpus(corpus, reader):
    with pytest.raises(ValueError, match=f"not laid out as reader '{reader}' expects|holds no book"):
        read(corpus, reader)
    assert chosen(corpus) is None
