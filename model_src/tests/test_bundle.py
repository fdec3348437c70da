"""A bundle that is not whole, not ours or hostile gets one sentence, and nothing of it is opened before."""

import json
import os
import pickle
import re

import numpy as np
import onnx
import onnxruntime
import pytest
from made_voice import change_description, make_bundle
from onnx import TensorProto, helper

from voiceloom_model.runtime import Voice
from voiceloom_model.runtime.bundle import KNOWN, SUMS, bundle_sha256, slim, speaking_bytes, write_sums


@pytest.fixture
def bundle(tmp_path):
    """A bundle to be spoilt."""
    return make_bundle(tmp_path / "voice")


@pytest.fixture
def opened(monkeypatch):
    """The graphs that ONNX Runtime was given."""
    found = []
    session = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime,
        "InferenceSession",
        lambda path, *rest, **named: found.append(path) or session(path, *rest, **named),
    )
    return found


@pytest.fixture
def refused(bundle, opened):
    """A check that loading fails with one sentence that holds certain words, before any graph was opened."""

    def check(words, error=ValueError, graphs=0):
        with pytest.raises(error, match=words) as caught:
            Voice.load(bundle)
        assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) < 900
        assert len(opened) == graphs

    return check


def list_again(bundle):
    """Sums that hold, as an attacker would write them, whatever the files are."""
    names = sorted(path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file())
    import hashlib

    lines = [f"{hashlib.sha256((bundle / name).read_bytes()).hexdigest()}  {name}\n" for name in names if name != SUMS]
    (bundle / SUMS).write_text("".join(lines))


class TestFiles:
    def test_no_bundle(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="not a voice bundle"):
            Voice.load(tmp_path)

    @pytest.mark.parametrize(
        "name", sorted(set(KNOWN) - {SUMS, "curves.json", "contract.json", "fp16/encoder.onnx", "fp16/decoder.onnx"})
    )
    @pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
    def test_one_flipped_bit_in_any_file(self, bundle, refused, name, place):
        content = bytearray((bundle / name).read_bytes())
        content[int(place * (len(content) - 1))] ^= 1
        (bundle / name).write_bytes(content)
        refused(f"{re.escape(name)} was altered")

    @pytest.mark.parametrize("place", [0, 70, -1])
    def test_one_flipped_bit_in_the_sums(self, bundle, refused, place):
        content = bytearray((bundle / SUMS).read_bytes())
        content[place] ^= 1
        (bundle / SUMS).write_bytes(content)
        refused("is not whole")

    @pytest.mark.parametrize(
        "name", ["int8/decoder.onnx", "fp32/encoder.onnx", "speaker_encoder.onnx", "voice.json", "lexicon.tsv"]
    )
    def test_a_missing_file_is_named_listed_or_not(self, bundle, refused, name):
        (bundle / name).unlink()
        refused(f"{re.escape(name)}'? is missing")
        list_again(bundle)
        refused(f"{re.escape(name)}'? is missing")

    def test_an_extra_file_of_a_known_name_has_to_be_listed(self, bundle, refused):
        (bundle / "curves.json").write_text("{}")
        refused(r"curves\.json is not listed")

    @pytest.mark.parametrize(
        "name",
        [
            "weights.pkl",
            "int8/model.pt",
            "int8/decoder.onnx.data",
            "fp32/deep/er/notes.txt",
            "voice.py",
            "voice\n.json",
        ],
    )
    def test_what_no_bundle_holds_is_refused_even_when_listed(self, bundle, refused, name):
        (bundle / name).parent.mkdir(parents=True, exist_ok=True)
        (bundle / name).write_bytes(pickle.dumps({"weights": [1, 2, 3]}))
        list_again(bundle)
        refused("is no part of one")

    @pytest.mark.parametrize("name", ["MODEL_CARD.md", "int8/decoder.onnx", "int8"])
    def test_a_link_to_the_same_content(self, bundle, refused, tmp_path, name):
        os.rename(bundle / name, tmp_path / "elsewhere")
        (bundle / name).symlink_to(tmp_path / "elsewhere")
        refused(f"'{re.escape(name)}' is a link")

    def test_a_pipe_is_not_waited_for(self, bundle, refused):
        (bundle / "lexicon.tsv").unlink()
        os.mkfifo(bundle / "lexicon.tsv")
        refused(r"'lexicon\.tsv' is no part of one")

    @pytest.mark.parametrize("name", ["lexicon.tsv", "voice.json", SUMS, "int8/decoder.onnx"])
    def test_a_file_too_large_is_not_read(self, bundle, refused, name):
        os.truncate(bundle / name, 40_000_000_000)
        refused(f"{re.escape(name)} has 40000000000 bytes, allowed are")

    def test_a_path_out_of_the_bundle_in_the_sums(self, bundle, refused):
        with (bundle / SUMS).open("a") as sums:
            sums.write(f"{'0' * 64}  ../../../etc/passwd\n")
        refused("etc/passwd' is missing")

    def test_sums_that_are_no_text(self, bundle, refused):
        (bundle / SUMS).write_bytes(bytes(range(256)) * 10)
        refused("is not whole")

    def test_identity_and_size_follow_the_content(self, bundle, tmp_path):
        same = make_bundle(tmp_path / "same")
        assert bundle_sha256(bundle) == bundle_sha256(same)
        assert speaking_bytes(bundle, "int8") < speaking_bytes(bundle, "fp32")
        change_description(same, noise_scale=0.5)
        assert bundle_sha256(bundle) != bundle_sha256(same)


class TestDescription:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"format": 99}, "format 99"),
            ({"format": "x" * 10_000}, "has format 'xxx"),
            ({"mood": "gay"}, "'mood' is missing or unknown"),
            ({"front_ends": {"en-US": {"name": "other", "version": "1", "data": "x"}}}, "needs the en-US front end"),
            ({"front_ends": {}}, "front_ends is {}"),
            ({"symbols_sha256": "0" * 64}, "another table of symbols"),
            ({"sample_rate_hz": 10**12}, "sample_rate_hz is 1000000000000, expected a whole number from"),
            ({"sample_rate_hz": 16000.0}, "sample_rate_hz is 16000.0"),
            ({"sample_rate_hz": True}, "sample_rate_hz is True"),
            ({"hop_length": 0}, "hop_length is 0"),
            ({"hop_length": 10**9}, "hop_length is 1000000000"),
            ({"latent": 10**15}, "latent is 1000000000000000"),
            ({"context_frames": -1}, "context_frames is -1, expected null or a whole number"),
            ({"context_frames": 10**9}, "context_frames is 1000000000"),
            ({"noise_scale": float("nan")}, "noise_scale is nan"),
            ({"duration_noise_scale": 1e30}, r"duration_noise_scale is 1e\+30"),
            ({"layout": "../spread"}, r"layout is '\.\./spread', expected one of compact, spread"),
            ({"precisions": ["../../etc"]}, "precisions is .* expected a list"),
            ({"precisions": []}, r"precisions is \[\]"),
            ({"languages": []}, r"languages is \[\]"),
            ({"languages": ["en-US", "en-GB", "sv"]}, "names no front end for 'sv'"),
            ({"speakers": {}}, "speakers is {}"),
            ({"speakers": {"ada": {"language": "en-US", "embedding": ["x"] * 256}}}, "speakers is"),
            ({"speakers": {"ada": {"language": "xx", "embedding": [0.1]}}}, "'ada' speaks 'xx'"),
            ({"default_speaker": "cleo"}, "default speaker 'cleo' is none"),
            ({"licences": "CC0"}, "licences is 'CC0'"),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_what_cannot_be_is_said_with_what_was_expected(self, bundle, refused, changes, words):
        change_description(bundle, **changes)
        refused(words)

    def test_vectors_of_two_sizes(self, bundle, refused):
        speakers = json.loads((bundle / "voice.json").read_text())["speakers"]
        speakers["bert"]["embedding"].pop()
        change_description(bundle, speakers=speakers)
        refused("the vector of 'bert' has 255 numbers, expected 256")

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"[]", "does not describe a voice"),
            (b"{", "does not describe a voice"),
            (b"", "does not describe a voice"),
            (b"\xff\xfe{}", "does not describe a voice: 'utf-8' codec"),
            (b"[" * 1_000_000, "nested too deep"),
            (b'{"a":' * 1_000_000, "nested too deep"),
            (b'{"format": 1' + b"0" * 5000 + b"}", "does not describe a voice"),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_what_is_no_description(self, bundle, refused, content, words):
        (bundle / "voice.json").write_bytes(content)
        write_sums(bundle)
        refused(words)

    @pytest.mark.parametrize(
        ("content", "words"), [(b"no entry\n", "line 1: expected word<TAB>IPA"), (b"\xff\xfe", "is not UTF-8")]
    )
    def test_a_lexicon_that_is_none(self, bundle, refused, content, words):
        (bundle / "lexicon.tsv").write_bytes(content)
        write_sums(bundle)
        refused(words)


def replace_graph(bundle, model, name="int8/decoder.onnx"):
    (bundle / name).write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    write_sums(bundle)


def loaded(bundle, name="int8/decoder.onnx"):
    return onnx.load(bundle / name)


class TestGraphs:
    """Graphs whose sums hold, in a bundle whose description does."""

    @pytest.mark.parametrize("content", [b"no graph", b"\x08\x07" * 100, pickle.dumps([1, 2, 3])], ids=str)
    def test_no_graph(self, bundle, refused, content):
        replace_graph(bundle, content)
        refused(r"decoder\.onnx is no graph that ONNX Runtime can open", graphs=2)

    def test_an_empty_graph(self, bundle, refused):
        replace_graph(bundle, b"")
        refused(r"decoder\.onnx is no graph: it is empty", graphs=1)

    @pytest.mark.parametrize("place", ["/etc/passwd", "../../secret.bin", "decoder.onnx.data"])
    def test_weights_in_another_file(self, bundle, refused, place):
        model = loaded(bundle)
        tensor = next(tensor for tensor in model.graph.initializer if len(tensor.raw_data) > 1000)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=place)
        replace_graph(bundle, model)
        refused("may read files outside the bundle", graphs=1)

    def test_an_engine_in_the_place_of_a_graph(self, bundle, refused):
        model = loaded(bundle)
        model.graph.node.append(helper.make_node("EPContext", [], ["x"], domain="com.microsoft"))
        replace_graph(bundle, model)
        refused("holds a compiled engine, which is code", graphs=1)

    def test_weights_in_another_file_deep_inside(self, bundle, refused):
        value = helper.make_tensor("hidden", TensorProto.FLOAT, [1], [0.0])
        value.ClearField("float_data")
        value.data_location = TensorProto.EXTERNAL
        value.external_data.add(key="location", value="/etc/passwd")
        inner = helper.make_graph(
            [helper.make_node("Constant", [], ["c"], value=value)],
            "inner",
            [],
            [helper.make_tensor_value_info("c", TensorProto.FLOAT, [1])],
        )
        model = loaded(bundle)
        model.graph.node.append(helper.make_node("If", ["never"], ["x"], then_branch=inner, else_branch=inner))
        replace_graph(bundle, model)
        refused("may read files outside the bundle", graphs=1)

    def test_the_encoder_in_the_decoders_place(self, bundle, refused):
        replace_graph(bundle, loaded(bundle, "int8/encoder.onnx"))
        refused(
            "is no graph of a voice: it takes tokens.* and gives encoded, log_durations, expected encoded", graphs=2
        )

    def test_noise_of_another_width(self, bundle, refused):
        change_description(bundle, latent=64)
        refused(r"its noise is tensor\(float\) \(1, frames, 32\), expected tensor\(float\) \(1, any, 64\)", graphs=2)

    @pytest.mark.parametrize("name", ["breath", "phase", "anchor", "f0"])
    def test_a_source_without_what_it_is_made_of(self, bundle, refused, name):
        model = loaded(bundle)
        (entry,) = (value for value in model.graph.input if value.name == name)
        entry.name = "voice"
        for node in model.graph.node:
            node.input[:] = ["voice" if given == name else given for given in node.input]
        replace_graph(bundle, model)
        refused("is no graph of a voice: it takes encoded.* and gives wave, heard_f0, cycles, expected", graphs=2)

    @pytest.mark.parametrize("gone", [["heard_f0"], ["heard_f0", "cycles"], ["wave"]], ids=str)
    def test_a_source_that_keeps_its_pitch_to_itself(self, bundle, refused, gone):
        model = loaded(bundle)
        kept = [value for value in model.graph.output if value.name not in gone]
        del model.graph.output[:]
        model.graph.output.extend(kept)
        replace_graph(bundle, model)
        refused("is no graph of a voice: it takes encoded", graphs=2)

    def test_outputs_in_another_order(self, bundle, refused):
        model = loaded(bundle)
        turned = [model.graph.output[index] for index in (2, 1, 0)]
        values = [type(value).FromString(value.SerializeToString()) for value in turned]
        del model.graph.output[:]
        model.graph.output.extend(values)
        replace_graph(bundle, model)
        refused("gives cycles, heard_f0, wave, expected", graphs=2)

    def test_phases_of_another_number_of_frames(self, bundle):
        model = loaded(bundle)
        for node in model.graph.node:
            node.output[:] = ["sane" if name == "cycles" else name for name in node.output]
            node.input[:] = ["sane" if name == "cycles" else name for name in node.input]
        model.graph.node.append(helper.make_node("Concat", ["sane", "sane"], ["cycles"], axis=1))
        replace_graph(bundle, model)
        with pytest.raises(ValueError, match=r"decoder gives phases of shape \(1, \d+\), expected \(1, \d+"):
            Voice.load(bundle).say("Hello.")

    def test_an_operator_that_is_not_onnx(self, bundle, refused):
        model = loaded(bundle)
        model.graph.node.append(helper.make_node("Shell", ["noise"], ["x"], domain="evil.example"))
        model.opset_import.append(helper.make_opsetid("evil.example", 1))
        replace_graph(bundle, model)
        refused("is no graph that ONNX Runtime can open", graphs=2)

    def test_durations_without_end(self, bundle):
        """A graph that says a token lasts for years is stopped before anything is made of it."""
        model = loaded(bundle, "int8/encoder.onnx")
        for node in model.graph.node:
            node.output[:] = ["sane" if name == "log_durations" else name for name in node.output]
        many = helper.make_tensor("many", TensorProto.FLOAT, [], [40.0])
        model.graph.initializer.append(many)
        model.graph.node.append(helper.make_node("Add", ["sane", "many"], ["log_durations"]))
        replace_graph(bundle, model, "int8/encoder.onnx")
        with pytest.raises(ValueError, match="more than 10 s"):
            Voice.load(bundle).say("Hello.")

    def test_a_decoder_of_another_width(self, bundle):
        """What the encoder gives does not fit: one sentence, not ONNX Runtime's page."""
        model = loaded(bundle)
        (encoded,) = (value for value in model.graph.input if value.name == "encoded")
        encoded.type.tensor_type.shape.dim[2].dim_value = 63
        replace_graph(bundle, model)
        with pytest.raises(ValueError, match=r"a graph of the voice cannot compute|can open") as caught:
            Voice.load(bundle).say("Hello.")
        assert len(str(caught.value).splitlines()) == 1


def test_a_slim_bundle_is_whole_and_says_the_same(bundle, tmp_path):
    (bundle / "MODEL_CARD.md").write_text("A card.\n")
    graphs = {name: {} for name in ("fp32/decoder.onnx", "int8/decoder.onnx")}
    (bundle / "contract.json").write_text(json.dumps({"graphs": graphs}))
    write_sums(bundle)
    small = slim(bundle, tmp_path / "small", "int8")
    assert not (small / "fp32").exists()
    assert (small / "MODEL_CARD.md").read_text().endswith("This copy holds the graphs of int8 alone.\n")
    contract = json.loads((small / "contract.json").read_text())
    assert list(contract["graphs"]) == ["int8/decoder.onnx"]
    assert np.array_equal(Voice.load(small).say("Hello."), Voice.load(bundle).say("Hello."))
    for choose in (lambda: Voice.load(small, "fp32"), lambda: slim(small, tmp_path / "none", "fp32")):
        with pytest.raises(ValueError, match="has no 'fp32' graphs; it has: int8"):
            choose()


def test_a_bundle_that_was_linked_to_as_a_whole_is_fine(bundle, tmp_path):
    (tmp_path / "latest").symlink_to(bundle)
    assert np.isfinite(Voice.load(tmp_path / "latest").say("Hello.")).all()
