"""Presets and folder corpora: params.yaml keeps its comments, and is written only if it holds together."""

import shutil
from pathlib import Path

import pytest
import yaml

from flows.settings import FolderCorpus, apply_preset, use_folder
from tasks.fetch.content import content_sha256
from tasks.ingest.consent import load_consents
from tasks.params import load_params

ROOT = Path(__file__).parents[2]
PRESETS = sorted(path.stem for path in (ROOT / "presets").glob("*.yaml"))


@pytest.fixture
def root(tmp_path):
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    (tmp_path / "data").mkdir()
    shutil.copy(ROOT / "data" / "consent.yaml", tmp_path / "data")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "My Recordings"
    folder.mkdir()
    (folder / "metadata.csv").write_text("one|Hello.\n")
    return folder


def told(folder, **changes):
    words = {"speaker": "Eva Novak", "licence": "CC-BY-4.0", "consent": "Eva Novak, by letter, 2026-03-01"}
    return FolderCorpus(folder, **(words | changes))


def test_there_are_the_four_presets():
    assert PRESETS == ["base", "demo", "small", "tiny"]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_what_the_params_say_afterwards(root, name):
    apply_preset(root, name)
    load_params(root / "params.yaml")
    params = yaml.safe_load((root / "params.yaml").read_text())
    for section, values in yaml.safe_load((root / "presets" / f"{name}.yaml").read_text()).items():
        assert params[section] == (values if isinstance(values, list) else params[section] | values)
    assert apply_preset(root, name) == []


def test_the_committed_params_are_the_demo_preset(root):
    assert apply_preset(root, "demo") == []


@pytest.mark.parametrize("name", PRESETS)
def test_demo_undoes_every_other_preset_byte_for_byte(root, name):
    before = (root / "params.yaml").read_text()
    apply_preset(root, name)
    apply_preset(root, "demo")
    assert (root / "params.yaml").read_text() == before


def test_a_preset_may_bring_corpora_which_are_told_by_name(root):
    changes = apply_preset(root, "base")
    (told,) = (change for change in changes if change.startswith("corpora: "))
    assert told == "corpora: asterisk-en, asterisk-es, asterisk-fr, asterisk-ru, festvox-ru, hibari-en"
    assert told == "corpora: " + ", ".join(corpus.name for corpus in load_params(root / "params.yaml").corpora)


def test_a_preset_keeps_comments_and_the_rest(root):
    params = root / "params.yaml"
    params.write_text(params.read_text().replace("  seed: 1\n", "  seed: 41  # ours\n"))
    assert "train.size: tiny" in apply_preset(root, "tiny")
    assert "  seed: 41  # ours\n" in params.read_text()
    assert params.read_text().startswith("# The only parameters")


def test_a_broken_preset_changes_nothing(root):
    before = (root / "params.yaml").read_text()
    (root / "presets" / "mine.yaml").write_text("audio: {hop_length: 300}\n")
    with pytest.raises(ValueError, match=r"presets/mine.yaml: audio: hop_length 300 does not divide"):
        apply_preset(root, "mine")
    assert (root / "params.yaml").read_text() == before


def test_an_unknown_preset_lists_the_known(root):
    with pytest.raises(ValueError, match="the presets are: base, demo, small, tiny"):
        apply_preset(root, "huge")


def test_a_folder_becomes_the_only_corpus(root, recordings):
    use_folder(root, told(recordings, language="cs-CZ"))
    params = load_params(root / "params.yaml")
    (corpus,) = params.corpora
    assert (corpus.name, corpus.speaker, corpus.language) == ("my-recordings", "Eva Novak", "cs-CZ")
    assert corpus.source.path == str(recordings)
    assert corpus.source.sha256 == content_sha256(recordings)
    assert params.register_.model_name == "voiceloom-my-recordings"


def test_consent_is_written_down_where_ingest_reads_it(root, recordings):
    before = load_consents(root / "data" / "consent.yaml")
    use_folder(root, told(recordings))
    consents = load_consents(root / "data" / "consent.yaml")
    assert consents == before | {("Eva Novak", "CC-BY-4.0"): "my-recordings-eva-novak"}
    assert "by letter, 2026-03-01" in (root / "data" / "consent.yaml").read_text()


def test_a_second_run_needs_only_the_folder_and_notices_changes(root, recordings):
    use_folder(root, told(recordings))
    first, agreed = load_params(root / "params.yaml").corpora[0], load_consents(root / "data" / "consent.yaml")
    (recordings / "metadata.csv").write_text("one|Good bye.\n")
    use_folder(root, FolderCorpus(recordings))
    second = load_params(root / "params.yaml").corpora[0]
    assert second.speaker == first.speaker
    assert second.source.sha256 != first.source.sha256
    assert load_consents(root / "data" / "consent.yaml") == agreed


@pytest.mark.parametrize(
    ("left_out", "named"),
    [
        ("speaker", "--speaker NAME"),
        ("licence", "--licence NAME"),
        ("consent", '--consent "who agreed, and when"'),
    ],
)
def test_what_is_left_out_is_named_and_nothing_is_written(root, recordings, left_out, named):
    before = [(root / name).read_text() for name in ("params.yaml", "data/consent.yaml")]
    with pytest.raises(ValueError) as caught:
        use_folder(root, told(recordings, **{left_out: None}))
    assert named in str(caught.value)
    assert [(root / name).read_text() for name in ("params.yaml", "data/consent.yaml")] == before


def test_consent_under_another_licence_is_none(root, recordings):
    use_folder(root, told(recordings))
    with pytest.raises(ValueError, match="--consent"):
        use_folder(root, told(recordings, licence="CC0-1.0", consent=None))


def test_a_language_that_is_none_changes_nothing(root, recordings):
    before = (root / "data" / "consent.yaml").read_text()
    with pytest.raises(ValueError, match=r"corpora\.0\.language"):
        use_folder(root, told(recordings, language="English"))
    assert (root / "data" / "consent.yaml").read_text() == before
