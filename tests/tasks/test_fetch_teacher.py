"""Synthetic corpora: which sentences a teacher is given, and that it says them the same way every time."""

import io
import subprocess
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile as sf
import yaml

from tasks import fetch
from tasks.engine import Step
from tasks.fetch import debian, teacher, wordnet
from tasks.ingest.readers import read_corpus
from tasks.params import Corpus, DebianSource, parse_params

ROOT = Path(__file__).parents[2]

NOUN = """  1 This software and database is "provided to you today as is" by Princeton University.
00001740 03 n 01 entity 0 000 | that which exists; "the dog chased the cat up a tree"; "a very long dark road"
00001930 03 n 01 road 0 000 | a way; "he walked  along the road"; "drove his car to the office"
00002137 03 n 01 no 0 000 | "the NATO allies met here"; "he paid 20 dollars for it"; "waited...and waited some more"
00002452 03 n 01 crook 0 000 | "I am not a crook, my friends"- Richard Nixon; "she was (mostly) right about it"
"""
VERB = """00003000 30 v 01 know 0 000 01 + 08 00 | be aware; "do you know this man"; "What is it that you want?"
00003100 30 v 01 speak 0 000 01 + 08 00 | utter; "Speak more slowly, please"; "he fled"; "She's glad; we are too"
"""
SENTENCES = {
    "The dog chased the cat up a tree.",
    "He walked along the road.",
    "Do you know this man?",
    "What is it that you want?",
    "Speak more slowly, please.",
    "She's glad; we are too.",
}


def database(folder: Path) -> Path:
    """A WordNet of eight words."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in wordnet.FILES:
        (folder / name).write_text({"data.noun": NOUN, "data.verb": VERB}.get(name, ""))
    return folder


@pytest.fixture
def packaged(monkeypatch):
    """Every Debian package holds the small WordNet."""
    monkeypatch.setattr(debian, "fetch", lambda _name, _source, target: database(target / "usr/share/wordnet"))


def corpus(**changes):
    source = {"kind": "teacher", "voice": "hibari", "packages": ["wordnet-base"], "sentences": 3, **changes}
    terms = {"name": "made", "speaker": "hibari", "language": "en-US", "licence": "Apache-2.0"}
    return Corpus.model_validate({"source": source, **terms})


def spoken(root: Path, monkeypatch, **changes) -> Path:
    """The corpus as fetched by a project in `root`, which has a row store of its own."""
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("VOICELOOM_WORKERS", "0")
    fetch.run(raw=root / "raw", corpora=[corpus(**changes)])
    return root / "raw" / "made"


def test_only_whole_plain_sentences_are_read(tmp_path):
    folder = database(tmp_path)
    found = wordnet.texts(folder, 5)
    told = [[sentence for sentence in SENTENCES if sentence in text] for text in found]
    assert sorted(map(len, told)) == [1, 1, 1, 1, 2]
    assert {sentence for sentences in told for sentence in sentences} == SENTENCES
    assert all(text in (" ".join(two), " ".join(two[::-1])) for text, two in zip(found, told, strict=True))


def test_more_texts_begin_with_the_fewer(tmp_path):
    folder = database(tmp_path)
    assert wordnet.texts(folder, 2) == wordnet.texts(folder, 5)[:2]


def test_too_few_sentences_are_a_mistake_that_says_how_many_there_are(tmp_path):
    with pytest.raises(ValueError, match="for 5 texts, not for 40"):
        wordnet.texts(database(tmp_path), 40)
    (tmp_path / "data.adv").unlink()
    with pytest.raises(FileNotFoundError, match=r"no WordNet database: data\.adv is missing"):
        wordnet.texts(tmp_path, 1)


def test_a_teacher_says_the_same_twice(packaged, tmp_path, monkeypatch):
    one, two = (spoken(tmp_path / name, monkeypatch) for name in ("one", "two"))
    assert [path.name for path in one.glob("*.parquet")] == ["speech-000.parquet"]
    assert (one / "speech-000.parquet").read_bytes() == (two / "speech-000.parquet").read_bytes()


def test_what_it_says_is_speech_that_ingest_can_read(packaged, tmp_path, monkeypatch):
    folder = spoken(tmp_path / "one", monkeypatch)
    rows = pq.read_table(folder / "speech-000.parquet").to_pylist()
    assert [row["text"] for row in rows] == wordnet.texts(database(tmp_path / "words"), 3)
    for row in rows:
        wave, rate = sf.read(io.BytesIO(row["audio"]["bytes"]))
        assert rate == 24000 and 0.5 < len(wave) / rate < 10 and 0.01 < np.sqrt(np.mean(wave**2)) < 0.5
    sources = list(read_corpus("made", folder, "auto", "en-US"))
    assert [(source.text, source.text_kind) for source in sources] == [(row["text"], "transcript") for row in rows]


def test_of_more_sentences_only_the_new_are_spoken(packaged, tmp_path, monkeypatch):
    few = spoken(tmp_path / "few", monkeypatch)
    said = []
    monkeypatch.setenv("VOICELOOM_STORE", str(tmp_path / "few" / "runs" / "rowstore"))
    put = Step.store
    monkeypatch.setattr(Step, "store", lambda step: said.append(step.name) or put(step))
    monkeypatch.setattr(teacher, "_loaded", lambda voice: lambda text, seed: said.append(text) or np.zeros(2400))
    more = spoken(tmp_path / "more", monkeypatch, sentences=4)
    before, after = (pq.read_table(folder / "speech-000.parquet").to_pylist() for folder in (few, more))
    assert after[:3] == before and said == ["teacher-hibari", after[3]["text"]]


def test_an_unknown_teacher_is_one_sentence():
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["corpora"] = [corpus().model_dump()]
    params["corpora"][0]["source"]["voice"] = "joe"
    with pytest.raises(ValueError) as caught:
        parse_params(params, "params.yaml")
    assert str(caught.value) == "params.yaml: corpora.0.source.voice: Input should be 'hibari', found 'joe'"


def test_the_base_corpora_are_pinned_agreed_to_and_leave_the_stranger_out():
    base = yaml.safe_load((ROOT / "presets" / "base.yaml").read_text())
    corpora = [Corpus.model_validate(entry) for entry in base["corpora"]]
    assert all(corpus.source.sha256 for corpus in corpora)
    consents = yaml.safe_load((ROOT / "data" / "consent.yaml").read_text())["consents"]
    agreed = {(consent["speaker"], consent["licence"]) for consent in consents}
    assert {(corpus.speaker, corpus.licence) for corpus in corpora} < agreed
    assert "it-IT" not in {corpus.language for corpus in corpora}


@pytest.mark.slow
def test_the_packaged_sentences_are_as_many_as_the_base_asks_for(tmp_path):
    base = yaml.safe_load((ROOT / "presets" / "base.yaml").read_text())
    source = next(entry["source"] for entry in base["corpora"] if entry["source"]["kind"] == "teacher")
    if subprocess.run(["sh", "-c", "apt-get download -q --print-uris wordnet-base"], capture_output=True).returncode:
        pytest.skip("there is no apt-get here, or it does not know the package wordnet-base")
    packages = DebianSource(kind="debian", packages=source["packages"], sha256=source["sha256"])
    debian.fetch("texts", packages, tmp_path)
    texts = wordnet.texts(tmp_path, source["sentences"])
    assert len(set(texts)) == source["sentences"]
    assert max(len(text.split()) for text in texts) <= 26
    assert sum("?" in text for text in texts) > 200
