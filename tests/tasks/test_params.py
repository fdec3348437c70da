"""Mistakes in params.yaml stop at once, in one sentence that says where."""

import copy
from pathlib import Path

import pytest
import yaml

from tasks.params import load_params, parse_params

ROOT = Path(__file__).parents[2]
COMMITTED = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def changed(path, value):
    content = copy.deepcopy(COMMITTED)
    *parents, last = path
    target = content
    for key in parents:
        target = target[key]
    target[last] = value
    return content


def complaint(content):
    with pytest.raises(ValueError) as caught:
        parse_params(content, "params.yaml")
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_committed_params_hold_together_and_are_frozen():
    params = parse_params(COMMITTED, "params.yaml")
    assert params.section("register").model_name == COMMITTED["register"]["model_name"]
    with pytest.raises(ValueError):
        params.audio.hop_length = 1


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("trian",), {}, "trian: unknown key; did you mean 'train'?"),
        (("train", "warmup_step"), 1, "train.warmup_step: unknown key; did you mean 'warmup_steps'?"),
        (("corpora", 0, "licens"), "x", "corpora.0.licens: unknown key; did you mean 'licence'?"),
        (
            ("corpora", 0, "source", "package"),
            [],
            "corpora.0.source.package: unknown key; did you mean 'packages'?",
        ),
        (("registr",), {}, "registr: unknown key; did you mean 'register'?"),
        (("records", "zzz"), 1, "records.zzz: unknown key; known here: shards"),
    ],
)
def test_an_unknown_key_names_the_nearest(path, value, expected):
    assert expected in complaint(changed(path, value))


def test_a_misspelt_key_is_named_rather_than_the_missing_one():
    content = copy.deepcopy(COMMITTED)
    content["train"]["warmup_step"] = content["train"].pop("warmup_steps")
    assert "did you mean 'warmup_steps'?" in complaint(content)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("audio", "hop_length"), 300, "hop_length 300 does not divide n_fft 1024"),
        (("audio", "f_max_hz"), 9000.0, "half the sample rate, 8000.0"),
        (("segment", "min_duration_s"), 20.0, "min_duration_s 20.0 must be below max_duration_s 15.0"),
        (("segment", "held_out_share"), 1.5, "segment.held_out_share: "),
        (("train", "size"), "huge", "found 'huge'"),
        (("train",), None, "train: "),
        (("corpora", 0, "source", "kind"), "ftp", "corpora.0.source"),
        (("register", "model_name"), "a/b", "found 'a/b'"),
    ],
)
def test_a_wrong_value_is_named(path, value, expected):
    assert expected in complaint(changed(path, value))


def test_two_corpora_of_one_name_are_refused():
    assert "two corpora have the same name: asterisk-en" in complaint(
        changed(("corpora",), COMMITTED["corpora"][:1] * 2)
    )


def test_a_missing_section_is_named():
    content = {name: section for name, section in COMMITTED.items() if name != "gate"}
    assert "gate: " in complaint(content)


@pytest.mark.parametrize(("text", "expected"), [("a: [", "not valid YAML"), ("- 1", "must hold sections")])
def test_a_file_that_is_no_params(tmp_path, text, expected):
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ValueError, match=expected):
        load_params(tmp_path / "params.yaml")


def test_no_file_says_where_to_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="project's root folder"):
        load_params(tmp_path / "params.yaml")
