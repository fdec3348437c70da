import json

import pytest

from tasks.export import describe, run, sources, training_rows, write_graphs
from tasks.params import ExportParams
from voiceloom_model.config import model_config
from voiceloom_model.eight_bits import speaking_linears
from voiceloom_model.nn.synthesizer import Synthesizer
from voiceloom_model.runtime import Voice
from voiceloom_model.text import front_end_identity

PARAMS = ExportParams(precisions=["fp32", "int8"], parity_lengths=2, parity_tolerance=1e-4)
FILES = {
    *(
        "voice.json",
        "contract.json",
        "MODEL_CARD.md",
        "SHA256SUMS",
        "curves.json",
        "lexicon.tsv",
        "speaker_encoder.onnx",
    ),
    *(f"{precision}/{part}.onnx" for precision in ("fp32", "int8") for part in ("encoder", "decoder")),
}


def changed(**values):
    return ExportParams(**{**PARAMS.model_dump(), **values})


def names(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_bundle_is_whole_and_speaks(bundle):
    assert names(bundle) == FILES
    for precision in ("fp32", "int8"):
        voice = Voice.load(bundle, precision=precision)
        assert voice.speakers == ["heart"] and voice.languages == ["en-US"]
        assert len(voice.say("Good morning.")) > 4000


def test_the_description_says_what_was_trained_on_and_nothing_of_scores(bundle):
    description = json.loads((bundle / "voice.json").read_text())
    assert description["licences"] == ["Apache-2.0"] and description["consent_ids"] == ["none-needed"]
    assert description["default_speaker"] == "heart" and description["noise_scale"] == 0.667
    assert description["layout"] == "compact"
    assert not {"scores", "wer", "date"} & set(description)
    assert "a source-filter decoder" in (bundle / "MODEL_CARD.md").read_text()
    assert "| made | heart | en-US | Apache-2.0 | none-needed | 2 |" in (bundle / "MODEL_CARD.md").read_text()


def test_the_same_inputs_give_the_same_bundle_and_a_piper_voice(
    checkpoint, quantized, features_table, lexicon, bundle, tmp_path
):
    again, piper = tmp_path / "again", tmp_path / "piper"
    inputs = {"checkpoint": checkpoint, "quantized": quantized, "features": features_table, "lexicon": lexicon}
    metrics = run(**inputs, sentences=tmp_path, voice=again, piper=piper, export=PARAMS)
    assert (again / "SHA256SUMS").read_bytes() == (bundle / "SHA256SUMS").read_bytes()
    assert 0 < metrics["fp32_max_difference"] < 1e-4 and metrics["int8_difference_db"] < -10
    assert metrics["int8_mb"] < metrics["fp32_mb"]
    (about,) = json.loads((piper / "languages.json").read_text()).values()
    assert metrics["piper_voices"] == 1 and about["voice"].startswith("en_US-heart")
    assert {f"{about['voice']}.onnx", f"{about['voice']}.onnx.json", "MODEL_CARD.md"} <= names(piper)


def test_only_the_wanted_precisions_are_written_and_only_safe_layers_at_8_bits(checkpoint, bundle, tmp_path):
    synthesizer = Synthesizer.from_folder(checkpoint).requires_grad_(False)
    safe = [name for name in speaking_linears(synthesizer) if not name.startswith("decoder")]
    metrics = write_graphs(synthesizer, safe, tmp_path / "two", PARAMS)
    assert names(tmp_path / "two") == {f"{p}/{part}.onnx" for p in ("fp32", "int8") for part in ("encoder", "decoder")}
    kept, all_int8 = (folder / "int8" / "decoder.onnx" for folder in (tmp_path / "two", bundle))
    assert kept.stat().st_size > all_int8.stat().st_size
    halved = write_graphs(synthesizer, [], tmp_path / "half", changed(precisions=["fp32", "fp16"]))
    assert halved["fp16_difference_db"] < -55 < metrics["int8_difference_db"]
    assert halved["fp16_mb"] < 0.85 * halved["fp32_mb"] and "int8_mb" not in halved


@pytest.mark.parametrize("precisions", [["int8"], ["fp32", "int8", "int8"]])
def test_fp32_always_ships_and_each_precision_once(precisions):
    with pytest.raises(ValueError, match="must name fp32"):
        changed(precisions=precisions)


def test_untested_precisions_ship_and_the_card_says_that_nobody_listened(bundle):
    description, contract = (json.loads((bundle / f"{name}.json").read_text()) for name in ("voice", "contract"))
    assert description["precisions"] == ["int8", "fp32"], "the default comes first"
    assert contract["paired_test"] == {
        "lines": 0,
        "candidates": {"int8": {"passes": True, "refused_because": []}},
    }
    assert "not compared with fp32 by ear" in (bundle / "MODEL_CARD.md").read_text()


def test_a_graph_that_strays_is_refused(checkpoint, tmp_path):
    synthesizer = Synthesizer.from_folder(checkpoint).requires_grad_(False)
    with pytest.raises(ValueError, match=r"export\.parity_tolerance"):
        write_graphs(synthesizer, [], tmp_path, changed(parity_tolerance=1e-12))


def test_sources_and_defaults_follow_the_hours(features_table):
    heard = training_rows(features_table)
    assert len(heard) == 2
    (source,) = sources(heard)
    assert source.utterances == 2 and 0 < source.hours < 0.01
    other = {**heard[0], "speaker": "bo", "language": "en-GB", "duration_s": 60.0}
    config = {
        "mel": {"sample_rate_hz": 16000, "hop_length": 256},
        "model": model_config("tiny", n_symbols=9, n_languages=2, layout="spread").to_dict(),
        "speakers": {"heart": [0.0], "bo": [1.0]},
    }
    front_ends = {tag: front_end_identity(tag) for tag in ("en-GB", "en-US")}
    description = describe(config, [*heard, other], front_ends, PARAMS)
    assert description.context_frames == 23 and description.layout == "spread"
    assert description.default_speaker == "bo" and description.languages == ["en-GB", "en-US"]
    assert {name: speaker["language"] for name, speaker in description.speakers.items()} == {
        "bo": "en-GB",
        "heart": "en-US",
    }
    without = describe(config, heard, front_ends, PARAMS)
    assert list(without.speakers) == ["heart"], "who was not trained on is no speaker of the voice"
    assert without.data_sha256 != description.data_sha256
