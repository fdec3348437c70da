import gzip
import hashlib
import re
import subprocess

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile as sf
import yaml

from tasks.audio import ffmpeg_path, from_flac
from tasks.ingest import STAGE, consent, decode, readers
from tasks.ingest.place import Place
from tasks.ingest.readers.source import Segment, Source
from tasks.params import AudioParams, IngestParams
from tasks.records import RECORDINGS, check_schema, read_rows, read_shards
from tasks.rowstore import Failure, Rejected
from tasks.stage import run_stage


def noise(seed, seconds=0.5):
    return (0.1 * np.random.default_rng(seed).standard_normal(int(16000 * seconds))).astype(np.float32)


def recordings(project):
    return {row["id"]: row for row in read_rows(project.root / "data/recordings", RECORDINGS)}


def quarantine(project, path="data/quarantine/ingest.parquet"):
    return {row["id"]: row["reason"] for row in project.rows(path)}


def add_hostile(project):
    """One of each: what they must be called in the quarantine."""
    project.add("zero", None, "nothing").touch()
    cut = project.add("cut", noise(1), "cut off")
    cut.write_bytes(cut.read_bytes()[:9000])
    project.add("text", None, "a text").write_text("This is no sound.\n")
    project.add("still", np.zeros(8000, np.float32), "no sound")
    project.add("mute", noise(2), None)
    project.add("stranger", noise(3), "I never agreed", speaker="bob")
    return {
        "tiny/zero": "empty_file",
        "tiny/cut": "truncated",
        "tiny/text": "not_audio",
        "tiny/still": "silent",
        "tiny/mute": "no_transcript",
        "tiny/stranger": "no_consent",
    }


def test_hostile_recordings_are_named_and_the_rest_goes_on(project):
    expected = add_hostile(project)
    for number in range(30):
        project.add(f"good{number}", noise(10 + number), f"good number {number}")
    metrics = run_stage("ingest", project.root)
    assert quarantine(project) == expected
    assert metrics["recordings"] == len(recordings(project)) == 30
    assert metrics["quarantined"] == 6 and metrics["quarantined_truncated"] == 1


def test_every_recording_leads_back_to_its_file(project):
    add_hostile(project)
    paths = {f"tiny/good{number}": project.add(f"good{number}", noise(number), "words") for number in range(30)}
    run_stage("ingest", project.root)
    sources = {row["id"]: row for row in project.rows("reports/sources.parquet")}
    assert list(sources) == sorted(paths)
    for name, path in paths.items():
        assert project.root / "data" / "raw" / sources[name]["source_path"] == path
        assert sources[name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (sources[name]["duration_s"], sources[name]["member"]) == (0.5, None)


def test_with_nothing_but_hostile_recordings_there_is_one_sentence(project):
    expected = add_hostile(project)
    done = project.stage("ingest")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "6 of 6 items could not be used" in done.stderr
    assert all(f"{reason} 1" in done.stderr for reason in expected.values())
    assert quarantine(project, "runs/quarantine/ingest.parquet") == expected
    assert not (project.root / "data/recordings").exists()


def test_too_many_failures_stop_the_run(project):
    for number in range(4):
        project.add(f"good{number}", noise(number), "words")
    project.add("gone", None, "words")
    project.add("gone2", None, "words")
    with pytest.raises(ValueError, match=r"2 of 6 .*\(missing_file 2; at most 20% may fail\)"):
        run_stage("ingest", project.root)


def test_a_row_says_who_speaks_and_on_what_terms(project):
    stereo = np.stack([noise(1, 1.0), noise(2, 1.0)], axis=1)
    project.add("a", np.repeat(stereo, 2, axis=0), "some words", rate=32000)
    run_stage("ingest", project.root)
    for table in read_shards(project.root / "data/recordings", RECORDINGS):
        check_schema(table.schema, RECORDINGS, "recordings")
    row = recordings(project)["tiny/a"]
    wave, rate = from_flac(row["audio"]["bytes"])
    assert (wave.ndim, rate, row["sample_rate_hz"]) == (1, 16000, 16000)
    assert len(wave) / rate == row["duration_s"] == pytest.approx(1.0, abs=0.001)
    assert row["loudness_lufs"] == pytest.approx(-23.0, abs=0.01)
    assert (row["speaker"], row["consent_id"], row["licence"]) == ("ann", "c-ann", "CC0-1.0")
    assert (row["text"], row["source_path"]) == ("some words", "tiny/wavs/a.wav")


def test_the_same_recording_under_two_names_is_decoded_once(project):
    for name in ("a", "b"):
        project.add(name, noise(1), f"words {name}")
    run_stage("ingest", project.root)
    found = recordings(project)
    assert found["tiny/a"]["content_key"] == found["tiny/b"]["content_key"]
    assert '"computed": 1' in (project.root / "runs/stages/ingest.rows.json").read_text()


def test_one_changed_recording_is_decoded_and_rewrites_one_shard(project):
    for number in range(12):
        project.add(f"r{number}", noise(number), f"words {number}")
    run_stage("ingest", project.root)
    before = project.hashes()
    sf.write(project.corpus / "wavs" / "r3.wav", noise(99), 16000)
    run_stage("ingest", project.root)
    assert '"computed": 1, "reused": 11' in (project.root / "runs/stages/ingest.rows.json").read_text()
    changed = [path for path, digest in project.hashes().items() if before[path] != digest]
    assert len(changed) == 1 and "recordings" in changed[0]


def test_without_the_store_everything_is_the_same(project, monkeypatch):
    for number in range(5):
        project.add(f"r{number}", noise(number), f"words {number}")
    run_stage("ingest", project.root)
    before = project.hashes()
    monkeypatch.setenv("VOICELOOM_STORE", str(project.root / "another"))
    run_stage("ingest", project.root)
    assert project.hashes() == before
    assert (project.root / "another").is_dir()


def test_a_file_that_cannot_be_read_now_is_tried_again(project, monkeypatch):
    for number in range(6):
        path = project.add(f"r{number}", noise(number), f"words {number}")
    from tasks import audio

    opened = audio.opened

    def failing(source, *limits):
        if source == path:
            raise OSError(5, "Input/output error")
        return opened(source, *limits)

    monkeypatch.setattr(audio, "opened", failing)
    run_stage("ingest", project.root)
    assert quarantine(project) == {"tiny/r5": "unreadable"}
    monkeypatch.setattr(audio, "opened", opened)
    run_stage("ingest", project.root)
    assert quarantine(project) == {} and len(recordings(project)) == 6


def test_a_missing_corpus_is_one_sentence(project):
    project.corpus.rename(project.root / "data" / "raw" / "other")
    done = project.stage("ingest")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "corpus tiny: its folder" in done.stderr and "is not there; run the fetch stage again" in done.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("consents: [{id: x, speaker: ann}]", "consents.0.licence: Field required"),
        ("consents: [}", "is not valid YAML"),
        ("[]", "consents"),
    ],
)
def test_a_wrong_consent_file_is_one_sentence(content, message, tmp_path):
    (tmp_path / "consent.yaml").write_text(content)
    with pytest.raises(ValueError, match=re.escape(message)):
        consent.load_consents(tmp_path / "consent.yaml")


def test_a_consent_to_another_licence_is_none(project):
    for number in range(9):
        project.add(f"r{number}", noise(number), "words")
    project.params["corpora"][0]["licence"] = "MIT"
    project.write_params(project.params)
    with pytest.raises(ValueError, match="no_consent 9"):
        run_stage("ingest", project.root)


def read(folder, reader="auto"):
    return {source.id: source for source in readers.read_corpus("c", folder, reader, "en-US")}


def test_ljspeech_layouts_are_all_read(tmp_path):
    root = tmp_path / "LJSpeech-1.1"
    (root / "wavs" / "sub").mkdir(parents=True)
    for name in ("wavs/a.wav", "wavs/b.flac", "beside.mp3", "wavs/sub/c.wav", "wavs/extra.wav"):
        (root / name).touch()
    lines = ["a|one|two|ann", "b | three ", "", "beside.mp3|four", "wavs/sub/c|five|", "gone|six", "loose"]
    (root / "metadata.csv").write_text("\ufeff" + "\n".join(lines), encoding="utf-8")
    found = read(tmp_path)
    assert (found["a"].text, found["a"].speaker) == ("two", "ann")
    assert (found["b"].text, found["b"].path) == ("three", root / "wavs/b.flac")
    assert found["beside.mp3"].path == root / "beside.mp3"
    assert found["wavs/sub/c"].path == root / "wavs/sub/c.wav"
    assert found["gone"].path is None and found["loose"].text is None
    assert found["extra"].text is None
    assert len(found) == 7


def test_ids_that_lead_elsewhere_find_nothing(tmp_path):
    (tmp_path / "outside.wav").touch()
    root = tmp_path / "corpus"
    root.mkdir()
    (root / "metadata.csv").write_text("../outside.wav|hello\n/etc/passwd|hello\n")
    assert [source.path for source in read(root).values()] == [None, None]


def test_an_id_that_comes_twice_is_taken_once(project):
    for number in range(6):
        project.add(f"r{number}", noise(number), "words")
    project.add("r1", None, "other words")
    run_stage("ingest", project.root)
    assert quarantine(project) == {"tiny/r1": "duplicate_id"}
    assert recordings(project)["tiny/r1"]["text"] == "words"


def test_an_unknown_layout_is_one_sentence(tmp_path):
    with pytest.raises(ValueError, match=r"no reader knows the layout .* metadata\.csv"):
        read(tmp_path)
    with pytest.raises(ValueError, match="'asterisk' expects"):
        read(tmp_path, "asterisk")


@pytest.fixture
def prompts(tmp_path):
    """Asterisk's layout, with one real G.722 file."""
    sounds = tmp_path / "usr" / "share" / "asterisk" / "sounds"
    for name in ("en_US_f/digits/1", "en_US_f/beep", "en_US_f/at", "en_US_f/keys", "en_US_f/new", "fr_CA_f/at"):
        path = sounds / f"{name}.g722"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    texts = (
        "; Sounds\n\ndigits/1: one\nbeep: [a beep]\nat: at [@]\nat: again\nkeys: ...press * or #: (tone)\ngone: Gone.\n"
    )
    doc = tmp_path / "usr" / "share" / "doc" / "sounds"
    doc.mkdir(parents=True)
    (doc / "core-sounds-en.txt.gz").write_bytes(gzip.compress(texts.encode()))
    return tmp_path


def test_prompts_are_read_and_remarks_are_not_words(prompts):
    found = read(prompts)
    assert {name: source.text for name, source in found.items()} == {
        "digits/1": "one",
        "at": "at",
        "keys": "press star or pound:",
        "new": None,
        "gone": "Gone.",
    }
    assert found["gone"].path is None
    assert "en_US_f" in str(found["at"].path)
    with pytest.raises(ValueError, match="no prompts with texts in language 'fr'"):
        list(readers.read_corpus("c", prompts, "asterisk", "fr-CA"))


def test_prompts_in_g722_are_decoded(project, prompts):
    path = next(prompts.rglob("en_US_f/digits/1.g722"))
    wav = project.add("tone", noise(1, 1.0), None)
    command = [ffmpeg_path(), "-v", "error", "-y", "-i", wav, "-ac", "1", "-ar", "16000", path]
    subprocess.run(command, check=True)
    project.params["corpora"][0].update(name="prompts", reader="asterisk")
    project.params["ingest"]["max_error_rate"] = 0.9
    project.write_params(project.params)
    (prompts / "usr").rename(project.root / "data" / "raw" / "prompts")
    run_stage("ingest", project.root)
    assert recordings(project)["prompts/digits/1"]["duration_s"] == pytest.approx(1.0, abs=0.01)


def sources_of(monkeypatch, *sources):
    """Let the corpus `tiny` declare these, whatever its folder says."""
    monkeypatch.setattr("tasks.ingest.entries.read_corpus", lambda *_: iter(sources))


def test_a_long_recording_passes_in_blocks_and_is_what_a_short_one_is(project, monkeypatch):
    wave = np.stack([noise(1, 30.0), noise(2, 30.0)], axis=1)
    wave[200000:202000] = 0.5
    place = Place(project.add("a", wave, "words", rate=44100))
    params = IngestParams(loudness_lufs=-23, silence_dbfs=-60, max_duration_s=99, max_error_rate=0)
    [short] = decode.decode(place, params, 16000)
    monkeypatch.setattr("tasks.audio.decoding._BLOCK", 100_000)
    monkeypatch.setattr(decode, "_SHORT_S", 2.0)
    [long] = decode.decode(place, params, 16000)
    assert (long["duration_s"], long["sample_rate_hz"]) == (short["duration_s"], 16000)
    assert long["loudness_lufs"] == pytest.approx(short["loudness_lufs"], abs=0.01)
    assert long["clipped_share"] == pytest.approx(short["clipped_share"]) and short["clipped_share"] > 0.004
    assert np.abs(from_flac(long["flac"])[0] - from_flac(short["flac"])[0]).max() <= 2 / 32768


@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_cancelling_channels_and_silence_are_found_in_long_recordings_too(seconds, project, monkeypatch):
    monkeypatch.setattr(decode, "_SHORT_S", 1.0)
    monkeypatch.setattr("tasks.audio.decoding._BLOCK", 10_000)
    wave = noise(1, seconds)
    params = IngestParams(loudness_lufs=-23, silence_dbfs=-60, max_duration_s=99, max_error_rate=0)
    inverted = Place(project.add("a", np.stack([wave, -wave], axis=1), "words"))
    [row] = decode.decode(inverted, params, 16000)
    assert row["loudness_lufs"] == pytest.approx(-23, abs=0.01)
    with pytest.raises(Rejected, match="silent"):
        decode.decode(Place(project.add("b", 0 * wave, "words")), params, 16000)
    with pytest.raises(Rejected, match="too_long"):
        decode.decode(inverted, params.model_copy(update={"max_duration_s": 0.9 * seconds}), 16000)


@pytest.mark.parametrize("peak", [0.6, 3.0])
def test_what_was_taken_in_comes_back_to_the_bit(peak, project):
    params = IngestParams(loudness_lufs=-14, silence_dbfs=-60, max_duration_s=99, max_error_rate=0)
    wave = noise(1, 2.0)
    wave[1000] = peak  # above half of full scale, and beyond what loudness may reach
    [first] = decode.decode(Place(project.add("a", wave, "words")), params, 16000)
    path = project.corpus / "wavs" / "again.flac"
    path.write_bytes(first["flac"])
    [again] = decode.decode(Place(path), params, 16000)
    assert again["flac"] == first["flac"] and again["duration_s"] == first["duration_s"]


def test_a_tiny_clip_is_taken_in_and_an_empty_one_is_not(project):
    params = IngestParams(loudness_lufs=-23, silence_dbfs=-60, max_duration_s=99, max_error_rate=0)
    [row] = decode.decode(Place(project.add("a", noise(1, 0.05), "words")), params, 16000)
    assert row["duration_s"] == 0.05 and row["loudness_lufs"] == pytest.approx(-23, abs=0.1)
    with pytest.raises(Rejected, match="too_short"):
        decode.decode(Place(project.add("b", noise(1, 0.0001), "words", rate=192000)), params, 8000)


def test_the_longest_duration_decides_whether_but_not_what(project):
    place = Place(project.add("a", noise(1), "words"))
    params = IngestParams(loudness_lufs=-23, silence_dbfs=-60, max_duration_s=99, max_error_rate=0)
    target = AudioParams(**project.params["audio"])
    found = [decode.keys(place, params.model_copy(update={"max_duration_s": limit}), target) for limit in (9, 99)]
    assert found[0].content == found[1].content and found[0].row != found[1].row


def test_hours_of_audio_go_alone(project):
    small = Place(project.add("a", noise(1), "words"))
    large = project.corpus / "b.mp3"
    with large.open("wb") as file:
        file.truncate(200_000_000)
    assert decode.cost(small) == 1.0 and decode.cost(Place(large)) > 16
    assert decode.cost(Place(project.corpus / "gone.wav")) == 1.0


@pytest.mark.parametrize("group", [3, 100])
@pytest.mark.parametrize("as_struct", [True, False])
def test_recordings_in_a_parquet_file_are_those_in_files(group, as_struct, project, monkeypatch):
    paths = [project.add(f"r{number}", noise(number), f"words {number}") for number in range(20)]
    cells = [{"bytes": path.read_bytes(), "path": path.name} for path in paths]
    cells = cells if as_struct else [cell["bytes"] for cell in cells]
    table = project.corpus / "train.parquet"
    if group == 100:
        monkeypatch.setattr("tasks.ingest.place._KEPT_BYTES", 0)
    run_stage("ingest", project.root)
    before = {name.removeprefix("tiny/r"): row for name, row in recordings(project).items()}
    pq.write_table(pa.table({"id": list(range(20)), "audio": cells}), table, row_group_size=group)
    sources_of(monkeypatch, *(Source(str(number), table, f"words {number}", member=number) for number in range(20)))
    run_stage("ingest", project.root)
    for name, row in recordings(project).items():
        expected = before[name.removeprefix("tiny/")]
        assert row["source_path"] == "tiny/train.parquet"
        assert (row["content_key"], row["text"]) == (expected["content_key"], expected["text"])
        assert row["audio"]["bytes"] == expected["audio"]["bytes"]
    assert '"computed": 0' in (project.root / "runs/stages/ingest.rows.json").read_text()


def test_rows_without_audio_or_beyond_the_table_are_named(project, monkeypatch):
    good = project.add("good", noise(1), "words")
    table = project.corpus / "train.parquet"
    cell = {"bytes": good.read_bytes(), "path": "a.wav"}
    pq.write_table(pa.table({"audio": [cell, {"bytes": None, "path": "b.wav"}]}), table)
    other = project.corpus / "other.parquet"
    pq.write_table(pa.table({"text": ["x"]}), other)
    places = {"a": (table, 0), "b": (table, 1), "c": (table, 7), "d": (other, 0)}
    sources_of(monkeypatch, *(Source(name, path, "x", member=member) for name, (path, member) in places.items()))
    project.params["ingest"]["max_error_rate"] = 0.9
    project.write_params(project.params)
    run_stage("ingest", project.root)
    assert quarantine(project) == {"tiny/b": "missing_file", "tiny/c": "unreadable", "tiny/d": "missing_file"}


def test_ids_are_names_that_lead_nowhere(project, monkeypatch):
    path = project.add("a", noise(1), "words")
    given = ["../../up", "/etc/passwd", "a/./b//c", "..\\..\\win", "line\nbreak\x00", "half \ud800", "..", "x" * 400]
    sources_of(monkeypatch, *(Source(name, path, "words") for name in given))
    run_stage("ingest", project.root)
    made = {"up", "etc/passwd", "a/b/c", "win", "line_break_", "half _", "unnamed", "x" * 200}
    assert set(recordings(project)) == {f"tiny/{name}" for name in made}
    assert all(row["audio"]["path"] == f"{name}.flac" for name, row in recordings(project).items())


def test_a_reader_that_forgets_is_not_followed_out_of_the_corpus(project, monkeypatch):
    path = project.add("a", noise(1), "words")
    outside = project.root / "outside.wav"
    path.rename(outside)
    path.symlink_to(outside)
    inside = project.add("b", noise(2), "words")
    (project.corpus / "loop.wav").symlink_to("loop.wav")
    (project.corpus / "dir.wav").mkdir()
    sources = {"link": path, "direct": outside, "up": project.corpus / "../../../outside.wav"}
    sources |= {"loop": project.corpus / "loop.wav", "dir": project.corpus / "dir.wav", "fine": inside}
    sources_of(monkeypatch, *(Source(name, path, "x") for name, path in sources.items()))
    project.params["ingest"]["max_error_rate"] = 0.9
    project.write_params(project.params)
    run_stage("ingest", project.root)
    assert set(recordings(project)) == {"tiny/fine"}
    expected = {f"tiny/{name}": "outside_corpus" for name in ("link", "direct", "up")}
    found = quarantine(project)
    assert found.pop("tiny/loop") in ("unreadable", "missing_file")
    assert found == expected | {"tiny/dir": "missing_file"}


def test_what_a_reader_found_wrong_is_passed_on(project, monkeypatch):
    path = project.add("a", noise(1), "words")
    problem = Failure("pipe", "wav.scp names a command: \ud800")
    bad = {
        "pipe": Source("pipe", None, None, problem=problem),
        "bad_text": Source("half", path, "half \ud800"),
        "bad_language": Source("tongue", path, "words", language="Klingon!"),
        "no_transcript": Source("mute", path, "  ", text_kind="book"),
    }
    fine = Source("fine", path, None, language="es-MX", text_kind="none")
    sources_of(monkeypatch, *bad.values(), fine)
    project.params["ingest"]["max_error_rate"] = 0.9
    project.write_params(project.params)
    run_stage("ingest", project.root)
    assert quarantine(project) == {f"tiny/{source.id}": reason for reason, source in bad.items()}
    [row] = recordings(project).values()
    assert (row["text"], row["text_kind"], row["language"], row["segments"]) == ("", "none", "es-MX", [])


def labelled(path, *labels, speaker=None, name="talk"):
    return Source(name, path, None, speaker, text_kind="segments", segments=tuple(Segment(*label) for label in labels))


def test_labels_are_refused_one_by_one(project, monkeypatch):
    path = project.add("a", noise(1, 2.0), None)
    project.params["ingest"]["max_error_rate"] = 0.9
    project.write_params(project.params)
    labels = [
        (0.0, 0.5, "one", "u1"),
        (0.5, 1.0, "two", None, None, 100.0, 4000.0),
        (1.0, 2.3, "drawn a little long", "u3"),
        (1.0, 2.6, "beyond", "far"),
        (0.5, 0.4, "backwards", "back"),
        (float("nan"), 1.0, "no time", "nan"),
        (1.0, 1.5, " ", "mute"),
        (1.0, 1.5, "again", "u1"),
        (1.0, 1.5, "I never agreed", "other", "bob"),
        (1.5, 1.6, "out of the way", "../../up"),
    ]
    sources_of(monkeypatch, labelled(path, *labels))
    run_stage("ingest", project.root)
    [row] = recordings(project).values()
    kept = [(label["id"], label["end_s"], label["low_hz"], label["consent_id"]) for label in row["segments"]]
    assert kept == [
        ("u1", 0.5, None, "c-ann"),
        (None, 1.0, 100.0, "c-ann"),
        ("u3", 2.0, None, "c-ann"),
        ("up", 1.6, None, "c-ann"),
    ]
    assert (row["text_kind"], row["text"]) == ("segments", "")
    assert quarantine(project) == {
        "tiny/talk/far": "bad_label",
        "tiny/talk/back": "bad_label",
        "tiny/talk/nan": "bad_label",
        "tiny/talk/mute": "no_transcript",
        "tiny/talk/u1": "duplicate_id",
        "tiny/talk/other": "no_consent",
    }


def test_a_recording_without_a_label_left_is_refused_and_consent_is_each_speakers(project, monkeypatch):
    path = project.add("a", noise(1, 2.0), None)
    consents = yaml.safe_load((project.root / "data/consent.yaml").read_text())
    consents["consents"].append({"id": "c-eve", "speaker": "eve", "licence": "CC0-1.0", "basis": "a test"})
    (project.root / "data/consent.yaml").write_text(yaml.safe_dump(consents))
    project.params["ingest"]["max_error_rate"] = 0.9
    project.write_params(project.params)
    sources_of(
        monkeypatch,
        labelled(path, (5.0, 6.0, "late", "late"), name="beyond"),
        labelled(path, (0.0, 1.0, "hello", "x", "bob"), name="foreign"),
        labelled(path, (0.0, 1.0, "hello"), speaker="bob", name="bobs"),
        labelled(path, (0.0, 1.0, "hello", "e", "eve"), (1.0, 2.0, "and I"), speaker="bob", name="guest"),
    )
    run_stage("ingest", project.root)
    [row] = recordings(project).values()
    assert (row["id"], row["speaker"], row["consent_id"]) == ("tiny/guest", "eve", "c-eve")
    assert [(label["speaker"], label["consent_id"]) for label in row["segments"]] == [("eve", "c-eve")]
    assert quarantine(project) == {
        "tiny/beyond": "no_transcript",
        "tiny/beyond/late": "bad_label",
        "tiny/foreign": "no_transcript",
        "tiny/foreign/x": "no_consent",
        "tiny/bobs": "no_consent",
        "tiny/guest/00001000": "no_consent",
    }


def test_the_stage_declares_what_it_reads():
    assert set(STAGE.deps) == {"raw", "consent"} and set(STAGE.outs) == {"recordings", "quarantine", "sources"}
