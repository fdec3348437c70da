"""One utterance, in a picture and in a terminal; an id that nobody has is one sentence."""

import io
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from tasks.look import look
from tasks.look.find import find_id
from tasks.look.phones import align_one
from tasks.look.terminal import bars, shaded
from tasks.records import FEATURES, QUARANTINE, UTTERANCES, read_rows, write_shard, write_table

ROOT = Path(__file__).parents[2]


def utterance(row: dict) -> dict:
    """The row of data/utterances that a features row was measured from."""
    given = {pa.string(): "?", pa.float64(): 0.5, pa.float32(): 0.25, pa.int32(): 1}
    made = {field.name: None if field.nullable else given.get(field.type) for field in UTTERANCES}
    made |= {name: value for name, value in row.items() if name in made}
    return made | {"recording_id": row["id"], "start_s": 2.5, "end_s": 2.5 + row["duration_s"], "heard_text": "uh"}


@pytest.fixture(scope="module")
def root(features_table, tmp_path_factory):
    """A project of four utterances, the last of which has no features."""
    root = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "params.yaml", root)
    rows = []
    for row in read_rows(features_table, FEATURES):
        pitch = np.where(np.arange(row["n_frames"]) % 7 < 5, 180.0, 0.0)
        rows.append(row | {"f0_hz": pitch, "energy_db": np.linspace(-60, -20, row["n_frames"])})
    write_shard([utterance(row) for row in rows], root / "data" / "utterances", 0, UTTERANCES)
    write_shard([row for row in rows if row["id"] != "made/d"], root / "data" / "features", 0, FEATURES)
    refused = [("made/d", "features", "not_voiced", "no voice"), ("made/e", "segment", "too_short", "0.1 s")]
    columns = ("id", "stage", "reason", "message")
    for row_id, stage, *why in refused:
        row = dict(zip(columns, (row_id, stage, *why), strict=True)) | {"source": "", "retryable": False}
        (root / "data" / "quarantine").mkdir(exist_ok=True)
        write_table(pa.Table.from_pylist([row], QUARANTINE), root / "data" / "quarantine" / f"{stage}.parquet")
    return root


def printed(shown, width=100) -> str:
    file = io.StringIO()
    Console(file=file, width=width).print(shown.text)
    return file.getvalue()


def test_a_picture_is_drawn_and_the_terminal_shows_what_fits(root):
    shown = look(root, "made/b", None, width=100)
    assert shown.picture == root / "runs" / "look" / "made__b.png"
    assert shown.picture.read_bytes().startswith(b"\x89PNG") and shown.picture.stat().st_size > 50_000
    text = printed(shown)
    for said in ("made/b", "Thank you for calling our office.", "heart", "Apache-2.0", "snr_db", "2.500 to", "θ", "uh"):
        assert said in text
    assert "180 to 180 Hz" in text and "flat start on 3 utterances of heart" in text
    assert max(map(len, text.splitlines())) <= 100


def test_before_the_features_there_is_the_waveform(root, tmp_path):
    shutil.copytree(root / "data" / "utterances", tmp_path / "data" / "utterances")
    text = printed(look(tmp_path, "a", None, width=60), 60)
    assert "not measured yet" in text and "snr_db" in text and "wave" in text and "energy" not in text


def test_an_utterance_without_features_says_why(root, tmp_path):
    shown = look(root, "made/d", tmp_path / "d.svg", width=80)
    assert "dropped by stage features (not_voiced): no voice" in printed(shown, 80)
    assert "<svg" in shown.picture.read_text()


def test_phonemes_fill_the_utterance_in_their_order(root):
    row = next(row for row in read_rows(root / "data" / "features", FEATURES) if row["id"] == "made/a")
    phones = align_one(root / "data" / "features", row)
    assert phones.frames[0] == 0 and phones.frames[-1] == row["n_frames"] and np.all(np.diff(phones.frames) > 0)
    assert "".join(phones.symbols) == row["phonemes"]


def test_letters_without_a_font_and_signs_of_formulas_are_drawn(root, tmp_path):
    rows = [utterance(row) for row in read_rows(root / "data" / "features", FEATURES)]
    rows[0]["text"] = "$5 for 東京 \\frac{ and $6 – ๛"
    write_shard(rows, tmp_path / "data" / "utterances", 0, UTTERANCES)
    assert look(tmp_path, rows[0]["id"], None, width=80).picture.is_file()


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("made/x", "no utterance has 'made/x' in its id; the nearest are: made/"),
        ("made", "4 utterances have 'made' in their id: made/a, made/b, made/c, made/d"),
        ("made/e", "made/e was dropped by stage segment (too_short): 0.1 s"),
    ],
)
def test_an_id_that_is_not_one_utterance_is_one_sentence(root, wanted, sentence):
    with pytest.raises(ValueError) as raised:
        find_id(root, wanted)
    assert str(raised.value).startswith(sentence)


def test_the_end_of_an_id_wins_over_a_part(tmp_path, root):
    row = next(read_rows(root / "data" / "utterances", UTTERANCES))
    ids = ["tiny/a", "tiny/a/00000100", "tiny/banana"]
    write_shard([row | {"id": row_id} for row_id in ids], tmp_path / "data" / "utterances", 0, UTTERANCES)
    assert find_id(tmp_path, "a") == "tiny/a" and find_id(tmp_path, "000001") == "tiny/a/00000100"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("out.docx", "its suffix must be one of"), ("no/such/out.png", "the folder .* is not there")],
)
def test_a_picture_that_cannot_be_written_is_one_sentence(root, tmp_path, name, sentence):
    with pytest.raises((ValueError, FileNotFoundError), match=sentence):
        look(root, "made/d", tmp_path / name, width=80)
    assert not list(tmp_path.iterdir())


def test_other_audio_parameters_are_one_sentence(root, tmp_path):
    shutil.copytree(root / "data", tmp_path / "data")
    text = (ROOT / "params.yaml").read_text().replace("n_mels: 80", "n_mels: 64")
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ValueError, match="made with other audio parameters than params"):
        look(tmp_path, "made/a", None, width=80)


def test_sketches_rise_with_what_they_show():
    assert bars(np.array([0, 0.5, 1.0])) == " ▄█"
    mel = np.zeros((20, 40))
    mel[:10, 20:] = 5  # low bands, second half
    lines = shaded(mel, rows=4, columns=8)
    assert lines[0].strip() == "" and lines[-1] == " " * 4 + "█" * 4
