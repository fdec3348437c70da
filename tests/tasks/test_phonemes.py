"""The step from text to phonemes: its key holds what decides its answer, and nothing of the lexicon besides."""

import pytest

from tasks.features.steps import PHONEMES_ROW, phonemes_step
from tasks.params import FeaturesParams
from voiceloom_model.text import Lexicon, phonemize


@pytest.fixture
def lexicon(tmp_path):
    def load(content: str) -> Lexicon:
        (tmp_path / "lexicon.tsv").write_text(content, encoding="utf-8")
        return Lexicon.load(tmp_path / "lexicon.tsv")

    return load


def test_a_changed_entry_changes_the_keys_of_its_own_sentences_only(lexicon):
    texts = ["The xyzzy is open.", "The door is open."]
    keys = []
    for content in ("", "xyzzy\tzˈɪzi\n", "xyzzy\tzˈɑzi\nmanana\tmɐnˈɑnə\n"):
        key_of = phonemes_step(lexicon(content), {}).key_of
        keys.append([key_of(text, "en-US") for text in texts])
    assert len({first for first, _ in keys}) == 3
    assert len({second for _, second in keys}) == 1


def test_the_row_has_the_phonemes_and_the_words_that_were_guessed(lexicon):
    step = phonemes_step(lexicon("xyzzy\tzˈɪzi\n"), {}).step
    (row,) = step.function(("The xyzzy met a zyxomat.", "en-US"))
    assert set(row) == set(PHONEMES_ROW.names)
    assert row["phonemes"].startswith("ðə zˈɪzi mˈɛt") and row["oov"] == ["zyxomat"]


def test_a_chosen_front_end_reads_and_changes_the_key_of_its_language(lexicon):
    none = lexicon("")
    own, chosen = phonemes_step(none, {}), phonemes_step(none, {"en": "characters"})
    assert chosen.step.function(("Open it!", "en-GB")) == [{"phonemes": "open it!", "oov": []}]
    assert own.step.function(("Open it!", "en-GB"))[0]["phonemes"] == phonemize("Open it!", "en-GB")
    assert own.key_of("Open it!", "en-GB") != chosen.key_of("Open it!", "en-GB")


def test_there_are_two_front_ends_to_choose():
    measures = {"f0_min_hz": 65, "f0_max_hz": 500, "n_mfcc": 13, "max_error_rate": 0.1}
    assert FeaturesParams(**measures).front_ends == {}
    with pytest.raises(ValueError, match="'characters' or 'espeak'"):
        FeaturesParams(**measures, front_ends={"de": "festival"})
