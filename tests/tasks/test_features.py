"""The features stage on a little synthetic speech: what it measures, refuses, keeps and survives."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks import features
from tasks.audio import from_flac, to_flac
from tasks.features.acoustic import acoustic_features
from tasks.params import AudioParams, FeaturesParams
from tasks.quarantine import Quarantine
from tasks.records import FEATURES, QUARANTINE, UTTERANCES, read_rows, shard_of, write_shard
from voiceloom_model.features import MelConfig, log_mel, pad_to_frames
from voiceloom_model.text import encode, phonemize

ROOT = Path(__file__).parents[2]
AUDIO = AudioParams(sample_rate_hz=16000, n_fft=1024, hop_length=256, n_mels=80, f_min_hz=0, f_max_hz=8000)
PARAMS = FeaturesParams(f0_min_hz=65, f0_max_hz=500, n_mfcc=13, max_error_rate=0.1)
RATE = AUDIO.sample_rate_hz
SHARDS = 2
TEXTS = {
    "a": "Please enter your number.",
    "b": "Thank you for calling.",
    "c": "That agent is already logged on.",
    "d": "Good morning, my friend.",
}


@pytest.fixture(scope="module")
def speech():
    """Name → waveform at 16 kHz, of the texts above."""
    import librosa
    from hibari import Hibari

    voice = Hibari()
    return {name: librosa.resample(voice(text, seed=1), orig_sr=24000, target_sr=RATE) for name, text in TEXTS.items()}


@pytest.fixture(autouse=True)
def own_store(monkeypatch, tmp_path):
    """Everything in this process, and rates and row stores in a folder of this test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOICELOOM_WORKERS", "0")
    monkeypatch.setenv("VOICELOOM_STORE", str(tmp_path / "store"))


def utterance(name: str, wave: np.ndarray, text: str, split: str = "train") -> dict:
    flac = to_flac(wave, RATE)
    return {
        "id": f"corpus/{name}",
        "recording_id": f"recording/{name}",
        "corpus": "corpus",
        "speaker": "reader",
        "language": "en-US",
        "licence": "CC0-1.0",
        "consent_id": "reader-2026",
        "text": text,
        "split": split,
        "content_key": hashlib.blake2b(flac).hexdigest(),
        "start_s": 0.0,
        "end_s": len(wave) / RATE,
        "duration_s": len(wave) / RATE,
        "sample_rate_hz": RATE,
        "audio_key": hashlib.blake2b(flac).hexdigest(),
        **{"loudness_lufs": -23.0, "snr_db": 33.0, "clipped_share": 0.0, "bandwidth_hz": 8000.0, "letters_per_s": 12.0},
        "audio": {"bytes": flac, "path": f"{name}.flac"},
    }


def good(speech) -> list[dict]:
    splits = {"d": "test"}
    return [utterance(name, speech[name], text, splits.get(name, "train")) for name, text in TEXTS.items()]


def write(rows: list[dict], folder: Path) -> Path:
    for shard in range(SHARDS):
        own = [row for row in rows if shard_of(row["id"], SHARDS) == shard]
        write_shard(own, folder, shard, UTTERANCES)
    return folder


def run(utterances: Path, out: Path, **changes) -> dict:
    (out / "reports").mkdir(parents=True)
    sections = {"features": PARAMS, "audio": AUDIO} | changes
    return features.run(**inputs(utterances), **outputs(out), **sections)


def inputs(utterances: Path) -> dict[str, Path]:
    """What the stage reads: the utterances, an empty lexicon, and the quarantines of the stages before."""
    folder = utterances.parent
    (folder / "lexicon.tsv").touch()
    for stage in ("ingest", "segment"):
        Quarantine(stage).close(folder / f"{stage}.parquet", kept=1, max_error_rate=0)
    return {
        "utterances": utterances,
        "lexicon": folder / "lexicon.tsv",
        "refused_ingest": folder / "ingest.parquet",
        "refused_segment": folder / "segment.parquet",
    }


def outputs(out: Path) -> dict[str, Path]:
    return {
        "table": out / "features",
        "quarantine": out / "quarantine.parquet",
        "card": out / "reports" / "data.json",
        "card_page": out / "reports" / "data.html",
        "card_plots": out / "reports" / "data_plots.json",
        "heard": out / "reports" / "heard.parquet",
    }


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def computed() -> dict[str, int]:
    """How many rows each step computed in the last run."""
    files = Path("runs/stages").glob("features-*.rows.json")
    return {path.name.removesuffix(".rows.json"): json.loads(path.read_text())["computed"] for path in files}


def test_the_table_holds_what_was_measured(speech, tmp_path):
    metrics = run(write(good(speech), tmp_path / "utterances"), tmp_path / "out")
    rows = {row["id"]: row for row in read_rows(tmp_path / "out" / "features", FEATURES)}
    assert len(rows) == metrics["utterances"] == 4 and metrics["quarantined"] == 0
    row = rows["corpus/a"]
    wave, _ = from_flac(row["audio"]["bytes"])
    mel = log_mel(pad_to_frames(wave, MelConfig()), MelConfig())
    assert np.array_equal(np.array(row["mel"], np.float16).reshape(80, -1), mel.astype(np.float16))
    assert row["n_frames"] == mel.shape[1] == len(row["f0_hz"]) == len(row["energy_db"])
    assert len(row["mfcc"]) == PARAMS.n_mfcc * row["n_frames"]
    assert row["phonemes"] == phonemize(TEXTS["a"], "en-US")
    assert (row["phoneme_ids"], row["stress_ids"]) == encode(row["phonemes"])
    assert np.linalg.norm(row["speaker_embedding"]) == pytest.approx(1, abs=1e-5)
    assert (row["speaker"], row["consent_id"], row["text"]) == ("reader", "reader-2026", TEXTS["a"])


def test_statistics_are_of_the_training_split_and_the_card_of_all(speech, tmp_path):
    run(write(good(speech), tmp_path / "utterances"), tmp_path / "out")
    statistics = json.loads((tmp_path / "out" / "features" / "statistics.json").read_text())
    card = json.loads((tmp_path / "out" / "reports" / "data.json").read_text())
    train = [row for row in read_rows(tmp_path / "out" / "features", FEATURES) if row["split"] == "train"]
    frames = np.concatenate([np.array(row["mel"]).reshape(80, -1) for row in train], axis=1)
    np.testing.assert_allclose(statistics["mel"]["mean"], frames.mean(axis=1), atol=1e-5)
    np.testing.assert_allclose(statistics["mel"]["std"], frames.std(axis=1), atol=1e-5)
    mean = np.mean([row["speaker_embedding"] for row in train], axis=0)
    reader = statistics["speakers"]["reader"]
    np.testing.assert_allclose(reader["embedding"], mean / np.linalg.norm(mean), atol=1e-5)
    f0 = np.concatenate([row["f0_hz"] for row in train])
    assert reader["log_f0_mean"] == pytest.approx(np.log(f0[f0 > 0]).mean(), abs=1e-5)
    assert card["utterances"]["split"] == {"test": 1, "train": 3}
    assert card["attribution"][0]["licence"] == "CC0-1.0" and card["attribution"][0]["utterances"] == 4
    assert sum(box["utterances"] for box in card["duration_s"]) == 4
    assert card["phonemes"]["counts"]["θ"] == 1 and card["dropped"] == {}


def test_two_runs_give_the_same_bytes(speech, tmp_path, monkeypatch):
    utterances = write(good(speech), tmp_path / "utterances")
    run(utterances, tmp_path / "one")
    monkeypatch.setenv("VOICELOOM_STORE", str(tmp_path / "another store"))
    run(utterances, tmp_path / "two")
    assert computed() == {"features-acoustic": 4, "features-speaker": 4, "features-phonemes": 4}
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")


def test_a_corrected_transcript_recomputes_only_its_phonemes(speech, tmp_path):
    rows = good(speech)
    run(write(rows, tmp_path / "utterances"), tmp_path / "one")
    rows[0]["text"] = "Please enter your PIN."
    run(write(rows, tmp_path / "utterances"), tmp_path / "two")
    assert computed() == {"features-acoustic": 0, "features-speaker": 0, "features-phonemes": 1}
    changed = [name for name, digest in hashes(tmp_path / "two").items() if hashes(tmp_path / "one")[name] != digest]
    shard = shard_of(rows[0]["id"], SHARDS)
    assert f"features/shard-{shard:03d}.parquet" in changed
    assert f"features/shard-{1 - shard:03d}.parquet" not in changed


def test_another_mel_definition_recomputes_only_what_is_heard(speech, tmp_path):
    utterances = write(good(speech), tmp_path / "utterances")
    run(utterances, tmp_path / "one")
    run(utterances, tmp_path / "two", audio=AUDIO.model_copy(update={"n_mels": 40}))
    assert computed() == {"features-acoustic": 4, "features-speaker": 0, "features-phonemes": 0}


def test_what_cannot_teach_is_quarantined_by_name(speech, tmp_path):
    noise = 0.1 * np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)
    broken = utterance("broken", speech["a"], TEXTS["a"])
    broken |= {"audio_key": "another", "audio": {"bytes": b"fLaC, or so it says", "path": "broken.flac"}}
    bad = [
        utterance("mute", speech["a"], "— …"),
        utterance("picture", speech["b"], "☃☃☃"),
        utterance("hasty", speech["b"][4000:9000], " ".join(TEXTS.values())),
        utterance("noise", noise, TEXTS["b"]),
        broken,
    ]
    lenient = PARAMS.model_copy(update={"max_error_rate": 0.6})
    metrics = run(write(good(speech) + bad, tmp_path / "utterances"), tmp_path / "out", features=lenient)
    table = pq.read_table(tmp_path / "out" / "quarantine.parquet")
    assert table.schema.equals(QUARANTINE)
    assert {row["id"]: row["reason"] for row in table.to_pylist()} == {
        "corpus/mute": "no_phonemes",
        "corpus/picture": "no_phonemes",
        "corpus/hasty": "too_few_frames",
        "corpus/noise": "not_voiced",
        "corpus/broken": "unreadable_audio",
    }
    card = json.loads((tmp_path / "out" / "reports" / "data.json").read_text())
    assert card["dropped"]["features"] == {
        "no_phonemes": 2,
        "not_voiced": 1,
        "too_few_frames": 1,
        "unreadable_audio": 1,
    }
    assert metrics["utterances"] == 4 and metrics["quarantined"] == 5


def test_what_is_heard_of_each_recording_is_summed_up(speech, tmp_path):
    rows = good(speech)
    for row in rows:
        row["recording_id"] = "recording/long" if row["id"] in ("corpus/a", "corpus/b") else row["recording_id"]
    lenient = PARAMS.model_copy(update={"max_error_rate": 0.6})
    rows.append(utterance("mute", speech["a"], "…"))
    run(write(rows, tmp_path / "utterances"), tmp_path / "out", features=lenient)
    heard = {row["recording_id"]: row for row in pq.read_table(tmp_path / "out/reports/heard.parquet").to_pylist()}
    seconds = {row["id"]: row["duration_s"] for row in rows}
    assert heard["recording/long"]["trained_s"] == pytest.approx(seconds["corpus/a"] + seconds["corpus/b"], abs=1e-5)
    assert (heard["recording/d"]["trained_s"], heard["recording/long"]["held_out_s"]) == (0, 0)
    assert heard["recording/d"]["held_out_s"] == pytest.approx(seconds["corpus/d"], abs=1e-5)
    assert "recording/mute" not in heard and heard["recording/c"]["consent_id"] == "reader-2026"


def test_too_many_failures_are_one_sentence(speech, tmp_path):
    rows = [*good(speech), utterance("mute", speech["a"], "…")]
    with pytest.raises(ValueError, match=r"1 of 5 items could not be used \(no_phonemes 1; at most 10% may fail\)"):
        run(write(rows, tmp_path / "utterances"), tmp_path / "out")


def test_no_usable_utterance_is_an_error_that_says_why(speech, tmp_path):
    rows = [utterance("mute", speech["a"], "…")]
    with pytest.raises(ValueError, match="1 of 1 items could not be used \\(no_phonemes 1\\)"):
        run(write(rows, tmp_path / "utterances"), tmp_path / "out")


def test_pitch_energy_and_voicing_follow_a_tone():
    time = np.arange(RATE) / RATE
    tone = sum(0.1 / n * np.sin(2 * np.pi * 180 * n * time) for n in range(1, 6))
    wave = np.concatenate([np.zeros(RATE // 2), tone, np.zeros(RATE // 2)]).astype(np.float32)
    measured = acoustic_features(wave, AUDIO, PARAMS)
    f0, energy = (np.frombuffer(measured[name], "<f2").astype(float) for name in ("f0_hz", "energy_db"))
    inside = slice(RATE // 2 // 256 + 3, 3 * RATE // 2 // 256 - 3)
    assert np.all(np.abs(f0[inside] - 180) < 2)
    assert not f0[: inside.start - 5].any() and not f0[inside.stop + 5 :].any()
    assert energy[inside] == pytest.approx(20 * np.log10(tone.std()), abs=0.3)
    assert energy[:20].max() == -100


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = {paths!r}
from tasks.features import run
from tasks.params import AudioParams, FeaturesParams
from tasks.rowstore import RowStore

puts, put = [0], RowStore.put
def put_or_die(self, outcomes):
    puts[0] += 1
    if puts[0] == {die_at}:
        os.kill(os.getpid(), signal.SIGKILL)
    put(self, outcomes)
    with open("computed.txt", "a") as file:
        file.writelines(outcome.key + "\\n" for outcome in outcomes)
RowStore.put = put_or_die
run(**{{name: Path(path) for name, path in {places!r}.items()}},
    features=FeaturesParams(**{features!r}), audio=AudioParams(**{audio!r}))
"""


def _in_another_process(die_at: int) -> int:
    paths = [str(ROOT), str(ROOT / "model_src")]
    places = {name: str(path) for name, path in (inputs(Path("utterances")) | outputs(Path("out"))).items()}
    sections = {"features": PARAMS.model_dump(), "audio": AUDIO.model_dump()}
    program = KILLED.format(paths=paths, die_at=die_at, places=places, **sections)
    Path("out/reports").mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode


@pytest.mark.slow
def test_killed_twice_it_ends_the_same_and_computes_nothing_finished_again(speech, tmp_path, monkeypatch):
    pieces = [np.roll(speech["c"], 997 * number) for number in range(40)]
    write([utterance(f"{n:02d}", wave, TEXTS["c"]) for n, wave in enumerate(pieces)], tmp_path / "utterances")
    assert _in_another_process(die_at=2) == -signal.SIGKILL  # among the acoustic batches
    assert _in_another_process(die_at=4) == -signal.SIGKILL  # among the speaker batches
    assert not Path("out/features").exists()
    assert _in_another_process(die_at=0) == 0
    keys = Path("computed.txt").read_text().split()
    assert len(keys) == len(set(keys)) == 40 + 40 + 1
    monkeypatch.setenv("VOICELOOM_STORE", str(tmp_path / "fresh"))
    run(tmp_path / "utterances", tmp_path / "undisturbed")
    assert hashes(tmp_path / "out") == hashes(tmp_path / "undisturbed")


@pytest.mark.slow
def test_first_use_by_several_processes_at_once_leaves_a_sound_cache(tmp_path):
    """Numba's cache of gufuncs is not safe for two first users; a broken one crashes everybody after."""
    program = "from tasks.features.acoustic import compile_librosa; compile_librosa()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "NUMBA_CACHE_DIR": str(tmp_path)}
    first = [subprocess.Popen([sys.executable, "-c", program], env=environment) for _ in range(4)]
    assert [process.wait() for process in first] == [0] * 4
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == 0
