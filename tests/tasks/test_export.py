import json

import pytest

from tasks.export import describe, run, sources, training_rows, write_graphs
from tasks.params import ExportParams
from voiceloom_model.eight_bits import speaking_linears
from voiceloom_model.nn.synthesizer import Synthesizer
from voiceloom_model.runtime import Voice
from voiceloom_model.text import front_end_identity

PARAMS = ExportParams(precisions=["fp32", "int8"], parity_lengths=2, parity_tolerance=1e-4)
FILES = {
    *("voice.json", "MODEL_CARD.md", "SHA256SUMS", "curves.json", "lexicon.tsv", "speaker_encoder.onnx"),
    *(f"{precision}/{part}.onnx" for precision in ("fp32", "int8") for part in ("encoder", "decoder")),
}


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
    assert "| made | heart | en-US | Apache-2.0 | none-needed | 2 |" in (bundle / "MODEL_CARD.md").read_text()


def test_the_same_inputs_give_the_same_bundle(checkpoint, quantized, features_table, lexicon, bundle, tmp_path):
    again = tmp_path / "again"
    inputs = {"checkpoint": checkpoint, "quantized": quantized, "features": features_table, "lexicon": lexicon}
    metrics = run(**inputs, voice=again, export=PARAMS)
    assert (again / "SHA256SUMS").read_bytes() == (bundle / "SHA256SUMS").read_bytes()
    assert 0 < metrics["fp32_max_difference"] < 1e-4 and metrics["int8_difference_db"] < -10
    assert metrics["int8_mb"] < metrics["fp32_mb"]


def test_only_the_wanted_precisions_ship_and_only_safe_layers_at_8_bits(checkpoint, bundle, tmp_path):
    synthesizer = Synthesizer.from_folder(checkpoint).requires_grad_(False)
    safe = [name for name in speaking_linears(synthesizer) if not name.startswith("decoder")]
    metrics = write_graphs(synthesizer, safe, tmp_path, PARAMS.model_copy(update={"precisions": ["int8"]}))
    assert names(tmp_path) == {"int8/encoder.onnx", "int8/decoder.onnx"}
    assert "int8_mb" in metrics and "fp32_mb" not in metrics
    kept, all_int8 = (folder / "int8" / "decoder.onnx" for folder in (tmp_path, bundle))
    assert kept.stat().st_size > all_int8.stat().st_size


def test_a_graph_that_strays_is_refused(checkpoint, tmp_path):
    synthesizer = Synthesizer.from_folder(checkpoint).requires_grad_(False)
    with pytest.raises(ValueError, match=r"export\.parity_tolerance"):
        write_graphs(synthesizer, [], tmp_path, PARAMS.model_copy(update={"parity_tolerance": 1e-12}))


def test_sources_and_defaults_follow_the_hours(features_table):
    heard = training_rows(features_table)
    assert len(heard) == 2
    (source,) = sources(heard)
    assert source.utterances == 2 and 0 < source.hours < 0.01
    other = {**heard[0], "speaker": "bo", "language": "en-GB", "duration_s": 60.0}
    config = {
        "mel": {"sample_rate_hz": 16000, "hop_length": 256},
        "model": {"latent": 32, "layout": "spread"},
        "speakers": {"heart": [0.0], "bo": [1.0]},
    }
    front_ends = {tag: front_end_identity(tag) for tag in ("en-GB", "en-US")}
    description = describe(config, [*heard, other], front_ends, PARAMS)
    assert description.default_speaker == "bo" and description.languages == ["en-GB", "en-US"]
    assert {name: speaker["language"] for name, speaker in description.speakers.items()} == {
        "bo": "en-GB",
        "heart": "en-US",
    }
    without = describe(config, heard, front_ends, PARAMS)
    assert list(without.speakers) == ["heart"], "who was not trained on is no speaker of the voice"
    assert without.data_sha256 != description.data_sha256
