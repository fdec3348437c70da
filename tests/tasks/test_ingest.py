import gzip
import re
import subprocess

import numpy as np
import pytest
import soundfile as sf

from tasks.audio import ffmpeg_path, from_flac
from tasks.ingest import STAGE, consent, readers
from tasks.records import RECORDINGS, check_schema, read_rows, read_shards
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

    whole = audio.decode

    def failing(source):
        if source == path:
            raise OSError(5, "Input/output error")
        return whole(source)

    monkeypatch.setattr(audio, "decode", failing)
    run_stage("ingest", project.root)
    assert quarantine(project) == {"tiny/r5": "unreadable"}
    monkeypatch.setattr(audio, "decode", whole)
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
    (tmp_path / "metadata.csv").write_bytes(b"a|\xff\n")
    with pytest.raises(ValueError, match="is not UTF-8"):
        read(tmp_path)


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


def test_the_stage_declares_what_it_reads():
    assert set(STAGE.deps) == {"raw", "consent"} and set(STAGE.outs) == {"recordings", "quarantine"}
