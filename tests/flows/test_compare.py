"""Two voices on one page: the same sentences, players, scores and differences."""

import re

import numpy as np
import pytest

from flows.compare import Asked, compare
from tasks.evaluate.scoring import Score

SENTENCES = [f"Sentence number {number}." for number in range(1, 13)]


class Listener:
    """Hears the words as they are, but for the first."""

    def __init__(self, *_):
        pass

    def hear(self, wave, language):
        return "number one"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    from made_voice import make_bundle

    from voiceloom_model.runtime.bundle import slim

    folder = tmp_path_factory.mktemp("voices")
    make_bundle(folder / "one")
    slim(folder / "one", folder / "two", "fp32")
    return folder


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tasks.asr.Listener", Listener)
    monkeypatch.setattr("tasks.evaluate.judge.dnsmos", lambda wave: (2.5 + len(wave) % 7 / 10, 3.0))
    monkeypatch.setattr("tasks.evaluate.judge._vector", lambda spoken: np.full(256, 1 / 16))
    (tmp_path / "texts.txt").write_text("\n".join(SENTENCES))
    return tmp_path


def write_params(root):
    from tests.registering import ROOT

    (root / "params.yaml").write_text((ROOT / "params.yaml").read_text())


def test_the_page_needs_nothing_else_and_says_every_sentence_twice(root, bundles):
    write_params(root)
    names = (str(bundles / "one"), str(bundles / "two"))
    lines = list(compare(root, names, root / "page.html", Asked(texts=root / "texts.txt")))
    page = (root / "page.html").read_text()
    assert page.count("data:audio/flac;base64,") == 2 * len(SENTENCES)
    assert not re.search(r"(src|href)=\"(?!data:)", page) and "<script" not in page
    assert all(f"<p>{text}</p>" in page for text in SENTENCES)
    assert "on the same 12 sentences" in page and "Real-time factor" in page
    assert "int8" in page and "fp32" in page
    assert lines[-1] == f"{root / 'page.html'}: 12 sentences" and "word error rate" in lines[0]


def test_reports_stand_beside_what_was_heard(root, bundles):
    from tasks.compare import Side
    from tasks.compare.page import render
    from tasks.evaluate.spoken import Spoken

    def side(name, errors, wer):
        spoken = [Spoken("001", "Hello.", "ada", "en-US", np.zeros(1600, np.float32), 16000)]
        scores = [Score("001", "Hello.", "hell", errors, 1, errors, 5, 0.8, 2.5, 3.0)]
        report = {"voice": {"wer": wer, "similarity": 0.8, "dnsmos": 2.5}, "sentences": [], "asr_model": "ear"}
        return Side(name, "f" * 64, "int8", "ada", 12.0, spoken, 0.01, report, scores)

    page = render([side("old", 1, 0.3), side("new", 0, 0.2)], 7)
    assert "30.0%" in page and "20.0%" in page
    assert "the second is 0.100 better by totals, with 0 sentences in common" in page
    assert "the second is 1.000 better by totals, with 1 sentences in common" in page


def test_without_scores_nothing_is_listened_to(root, bundles, monkeypatch):
    monkeypatch.setattr("tasks.compare.listen", lambda *_: pytest.fail("listened"))
    names = (str(bundles / "one"), str(bundles / "one"))
    list(compare(root, names, root / "page.html", Asked(texts=root / "texts.txt", scores=False)))
    page = (root / "page.html").read_text()
    assert "Heard:" not in page and "On these sentences" not in page
    takes = re.findall(r"data:audio/flac;base64,([^\"]+)", page)
    assert takes[::2] == takes[1::2], "the same voice and seed give the same audio"


def test_what_cannot_be_compared_is_one_sentence(root, bundles):
    names = (str(bundles / "one"), str(bundles / "two"))
    with pytest.raises(FileNotFoundError, match="--texts"):
        list(compare(root, names, root / "page.html", Asked()))
    with pytest.raises(FileNotFoundError, match="is not there"):
        list(compare(root, names, root / "no" / "page.html", Asked()))
    (root / "texts.txt").write_text("# nothing\n")
    with pytest.raises(ValueError, match="holds no sentence"):
        list(compare(root, names, root / "page.html", Asked(texts=root / "texts.txt")))
    with pytest.raises(FileNotFoundError, match="no folder nobody"):
        list(compare(root, ("nobody", names[1]), root / "page.html", Asked()))
