"""`voiceloom data`: light until it has work, one sentence for a mistake, and what the card says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from flows.cli import main
from tasks.audio import to_flac
from tasks.records import UTTERANCES, write_shard

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "prefect", "mlflow", "dvc", "pandas", "librosa", "onnxruntime", "matplotlib", "pyarrow", "soundfile")

IMPORTED = """
import sys
try:
    from flows.cli import main
    main()
except SystemExit:
    pass
print("\\n" + " ".join(sys.modules))
"""

CARD = {
    "hours": {"speaker": {"ann": 1.25, "ben": 0.5}, "language": {"en-US": 1.75}, "licence": {"CC0-1.0": 1.75}},
    "utterances": {"speaker": {"ann": 900, "ben": 300}},
    "phonemes": {"seen": 3, "symbols": 166, "rare": {"ʒ": 2}, "counts": {"a": 10, "b": 11, "ʒ": 2}},
    "dropped": {"too_short": 3, "low_snr": 12},
    "a key of tomorrow": [1, 2, {"three": None}],
}


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


@pytest.fixture
def cli(monkeypatch):
    """Call the command in this process; returns its exit status."""

    def call(*arguments) -> int:
        monkeypatch.setattr(sys, "argv", ["voiceloom", "data", *arguments])
        try:
            main()
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    return call


@pytest.fixture
def utterances(root):
    """One second of a tone, three times."""
    tone = (0.1 * np.sin(np.arange(16000) / 10)).astype(np.float32)
    given = {pa.string(): "?", pa.float64(): 1.0, pa.float32(): 0.25, pa.int32(): 16000}
    row = {field.name: None if field.nullable else given.get(field.type) for field in UTTERANCES}
    row |= {
        "corpus": "tiny",
        "split": "train",
        "text": "One two.",
        "audio": {"bytes": to_flac(tone, 16000), "path": ""},
    }
    rows = [row | {"id": f"tiny/{name}"} for name in ("bad", "bed", "cab")]
    write_shard(rows, root / "data" / "utterances", 0, UTTERANCES)


@pytest.mark.parametrize("arguments", [["--help"], ["data", "--help"], ["data", "look", "--help"], ["data", "card"]])
def test_help_and_card_import_nothing_heavy(root, arguments):
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'model_src'}"}
    command = [sys.executable, "-c", IMPORTED, *arguments]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    modules = set(result.stdout.splitlines()[-1].split())
    assert "flows.data" in modules and not set(HEAVY) & modules


def test_export_writes_and_says_how_much(root, utterances, cli, capsys):
    assert cli("export", "--to", "kaldi", "--output", "out", "--split", "train") == 0
    assert capsys.readouterr().out == "out: 3 utterances, 0.1 min\n"
    assert (root / "out" / "text").read_text() == "bad One two.\nbed One two.\ncab One two.\n"


def test_look_shows_an_utterance_by_a_part_of_its_id(root, utterances, cli, capsys):
    assert cli("look", "ca", "-o", "cab.png") == 0
    out = capsys.readouterr().out
    assert "tiny/cab" in out and "One two." in out and "█" in out and out.endswith("Picture: cab.png\n")
    assert (root / "cab.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["export", "--to", "vctk", "--output", "out"], "the formats are: audacity, lhotse, kaldi, hf, ljspeech"),
        (["export", "--to", "hf", "--output", "data"], "data holds files already"),
        (["export", "--to", "audacity", "--output", "out"], "recordings holds no shard-*.parquet"),
        (["look", "nobody"], "no utterance has 'nobody' in its id; the nearest are: tiny/b"),
        (["look", "b"], "3 utterances have 'b' in their id: tiny/bad, tiny/bed, tiny/cab"),
        (["card"], "reports/data.json is not there; stage features writes it: voiceloom run"),
    ],
)
def test_a_users_mistake_is_one_line(root, utterances, cli, capsys, arguments, expected):
    assert cli(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and captured.err.startswith("voiceloom: ") and expected in captured.err
    assert captured.out == "" and not (root / "out").exists()


def write_card(root: Path, card: dict) -> None:
    (root / "reports").mkdir(exist_ok=True)
    (root / "reports" / "data.json").write_text(json.dumps(card))


def test_the_card_tells_hours_drops_and_where_to_look(root, cli, capsys):
    write_card(root, CARD)
    assert cli("card") == 0
    out = capsys.readouterr().out
    rows = [line.replace("│", " ").split() for line in out.splitlines()]
    assert ["speaker", "ann", "1.25", "900"] in rows and ["ben", "0.50", "300"] in rows
    assert ["licence", "CC0-1.0", "1.75"] in rows
    assert rows.index(["low_snr", "12"]) < rows.index(["too_short", "3"])
    assert "3 heard, 1 of them rarely: ʒ" in out and out.endswith("All of it: reports/data.json\n")
    (root / "reports" / "data.html").touch()
    assert cli("card") == 0 and capsys.readouterr().out.endswith("All of it: reports/data.html\n")


def test_drops_may_be_told_by_stage_or_be_none(root, cli, capsys):
    write_card(root, CARD | {"dropped": {"ingest": {"silent": 1}, "segment": {"too_long": 2}}})
    assert cli("card") == 0
    out = capsys.readouterr().out
    assert "ingest: silent" in out and "segment: too_long" in out
    write_card(root, CARD | {"dropped": {}})
    assert cli("card") == 0 and "Nothing was dropped." in capsys.readouterr().out


def test_a_damaged_card_is_one_line(root, cli, capsys):
    write_card(root, CARD)
    (root / "reports" / "data.json").write_text("{")
    assert cli("card") == 2
    assert "reports/data.json is damaged" in capsys.readouterr().err
