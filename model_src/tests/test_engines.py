"""TensorRT engines without a GPU: built by TensorRT-RTX where it is installed, run by a stand-in, refused elsewhere."""

import ctypes
import dataclasses
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch
from made_engines import LIBRARY, Engine, HostBuffers
from made_up import SMALL_VITS
from made_voice import make_bundle, random_synthesizer

from voiceloom_model.config import VITS_PARTS
from voiceloom_model.export.graphs import export_synthesizer, random_inputs
from voiceloom_model.gpu import library as installed
from voiceloom_model.gpu.build import Builder, Lengths, build_engines
from voiceloom_model.gpu.card import EngineCard, check_card, file_sha256, read_card
from voiceloom_model.gpu.cuda_graphs import BucketedSynthesizer
from voiceloom_model.gpu.engines import EngineSession, Input, open_engine
from voiceloom_model.gpu.library import Gpu, current_gpu, tensorrt_library
from voiceloom_model.gpu.memory import Buffers
from voiceloom_model.gpu.parity import distance, engine_distance
from voiceloom_model.gpu.voice import GivenVoice, NetworkSession, engine_voice, network_voice
from voiceloom_model.runtime import Voice
from voiceloom_model.runtime.bundle import open_bundle

TEXT = "The quick brown fox jumps over the lazy dog, and then it sleeps for a long while in the sun."
RTX4090 = Gpu("NVIDIA GeForce RTX 4090", "8.9")
PROFILES = {"encoder": [{"tokens": 30}, {"tokens": 400}], "decoder": [{"tokens": 400, "frames": 300}] * 2}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("engines") / "voice")


@pytest.fixture(scope="module", params=["source", "istft"])
def either(request, tmp_path_factory):
    """A bundle of one decoder, then of another."""
    return make_bundle(tmp_path_factory.mktemp(request.param) / "voice", decoder=request.param)


def engine_session(bundle, name, profiles=None):
    graph = bundle / "fp32" / f"{name}.onnx"
    profiles = profiles or [*PROFILES[name], {"tokens": 4000, "frames": 4000}]
    return EngineSession(Engine(graph, profiles), LIBRARY, HostBuffers())


def test_engines_speak_as_the_runtime_does(either):
    sessions = {f"{name}.onnx": engine_session(either, name) for name in ("encoder", "decoder")}
    voice, wanted = GivenVoice(open_bundle(either), sessions), Voice.load(either, precision="fp32")
    for text in (TEXT, "Yes.", TEXT):  # a shorter text after a longer one finds larger buffers
        np.testing.assert_array_equal(
            voice.say(text, "bert", speed=0.7, seed=3), wanted.say(text, "bert", None, 0.7, 3)
        )
    np.testing.assert_array_equal(voice.batch([TEXT, "No."])[1], wanted.say("No."))
    wave = 0.1 * np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    np.testing.assert_array_equal(voice.clone(wave, 16000), wanted.clone(wave, 16000))


def test_the_first_profile_that_holds_the_lengths_is_taken_and_what_none_holds_is_refused(bundle):
    session = engine_session(bundle, "encoder", PROFILES["encoder"])
    wanted = Voice.load(bundle, precision="fp32")._session("fp32/encoder.onnx")
    for size in (30, 31, 400):
        texts = {entry.name: _text(entry, size) for entry in wanted.get_inputs()}
        for found, value in zip(session.run(None, texts), wanted.run(None, texts), strict=True):
            np.testing.assert_array_equal(found, value)
    assert sorted(session._contexts) == [0, 1]
    with pytest.raises(ValueError, match=r"built for shorter inputs than .*tokens \(1, 401\)"):
        session.run(None, {entry.name: _text(entry, 401) for entry in wanted.get_inputs()})


def _text(entry, size):
    sizes = [each if isinstance(each, int) else size for each in entry.shape]
    return np.ones(sizes, np.float32 if "float" in entry.type else np.int64)


def test_distance_is_nothing_to_itself_and_notices_another_voice(either, tmp_path):
    same = [(engine_session(either, name), engine_session(either, name)) for name in ("encoder", "decoder")]
    nothing = distance(*same, 256)
    assert nothing.log_durations == 0 and nothing.wave_db < -150
    voice = random_synthesizer(decoder=decoder_of(either))
    with torch.no_grad():
        voice.decoder.stack.leave.bias += 0.3
    export_synthesizer(voice, tmp_path / "fp32")
    other = [(engine_session(either, name), engine_session(tmp_path, name)) for name in ("encoder", "decoder")]
    assert distance(*other, 256).wave_db > -30


def decoder_of(bundle):
    names = {entry.name for entry in onnx.load(bundle / "fp32" / "decoder.onnx").graph.input}
    return "source" if "breath" in names else "istft"


@torch.no_grad()
def test_a_network_speaks_as_its_bundle_does(either):
    network, wanted = random_synthesizer(decoder=decoder_of(either)), Voice.load(either, precision="fp32")
    sounds = random_inputs(network, 20, seed=0)
    sounds = dataclasses.replace(sounds, f0=network.sound(*sounds.decoder, excitation=sounds.excitation).f0)
    sounds = {name: value.numpy() for name, value in vars(sounds).items() if value is not None}
    graph = wanted._session("fp32/decoder.onnx")
    for each in (network, BucketedSynthesizer(network)):
        session = NetworkSession(each, "sound")
        assert [entry.name for entry in session.get_inputs()] == [entry.name for entry in graph.get_inputs()]
        given = {entry.name: sounds[entry.name] for entry in graph.get_inputs()}
        for found, expected in zip(session.run(None, given), graph.run(None, given), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-4)
        spoken, expected = network_voice(either, each).say(TEXT), wanted.say(TEXT)
        assert len(spoken) == len(expected)
        if decoder_of(either) == "istft":  # a pitch that differs in its last bit turns a source's phases
            np.testing.assert_allclose(spoken, expected, atol=1e-4)
    stochastic = NetworkSession(random_synthesizer(duration="stochastic"), "encode")
    assert stochastic.get_inputs()[-1] == Input("duration_noise", (1, -1, 2))


@pytest.fixture
def engine(tmp_path):
    path = tmp_path / "decoder.engine"
    path.write_bytes(b"machine code")
    card = EngineCard(
        graph_sha256="abc",
        engine_sha256=file_sha256(path),
        precision="fp16",
        library="tensorrt",
        version="1.2.3",
        gpu=RTX4090.name,
        compute_capability=RTX4090.compute_capability,
        lengths=[{"tokens": 64}],
    )
    card.write(path)
    return path


def test_an_engine_is_taken_where_it_was_built(engine):
    assert check_card(engine, "abc", LIBRARY, RTX4090) == read_card(engine)
    anywhere = dataclasses.replace(read_card(engine), gpu=None, compute_capability=None)
    anywhere.write(engine)
    assert check_card(engine, "abc", LIBRARY, Gpu("another", "12.0")) == anywhere


def test_an_engine_is_refused_elsewhere_in_one_sentence(engine):
    newer = SimpleNamespace(__name__="tensorrt", __version__="1.3.0")
    cases = [
        ("abc", LIBRARY, None, "needs a CUDA GPU, and there is none"),
        ("abd", LIBRARY, RTX4090, "was built from another voice"),
        ("abc", newer, RTX4090, "was built by tensorrt 1.2.3, here is tensorrt 1.3.0"),
        (
            "abc",
            LIBRARY,
            Gpu("NVIDIA H200", "9.0"),
            r"built for NVIDIA GeForce RTX 4090 \(8.9\), here is NVIDIA H200 \(9.0\)",
        ),
    ]
    for graph, library, gpu, words in cases:
        with pytest.raises(ValueError, match=words):
            check_card(engine, graph, library, gpu)
    engine.write_bytes(b"machine cod3")
    with pytest.raises(ValueError, match="was altered"):
        check_card(engine, "abc", LIBRARY, RTX4090)
    engine.with_name("decoder.engine.json").write_text('{"version": 3}')
    with pytest.raises(ValueError, match="does not describe an engine"):
        read_card(engine)
    with pytest.raises(FileNotFoundError, match="nobody knows what"):
        read_card(engine.with_name("other.engine"))


def test_a_folder_that_can_be_imported_is_no_tensorrt(tmp_path, monkeypatch):
    (tmp_path / "tensorrt").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(installed, "LIBRARIES", ("tensorrt", "no_such_module"))
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    with pytest.raises(ValueError, match="TensorRT is not installed: pip install"):
        tensorrt_library()


class Cuda:
    """A CUDA runtime that answers as told."""

    def __init__(self, error, count=0, properties=None):
        self.cudaError_t = SimpleNamespace(cudaSuccess=SimpleNamespace(name="cudaSuccess"))
        self.error = SimpleNamespace(name=error) if error else self.cudaError_t.cudaSuccess
        self.count, self.properties = count, properties

    def cudaGetDeviceCount(self):
        return self.error, self.count

    def cudaGetDeviceProperties(self, device):
        return self.error if self.properties is None else self.cudaError_t.cudaSuccess, self.properties

    def cudaGetErrorString(self, error):
        return None, b"something broke"


def test_the_gpu_that_is_here(monkeypatch):
    properties = SimpleNamespace(name=b"NVIDIA H200\0\0", major=9, minor=0)
    for cuda, wanted in (
        (Cuda("cudaErrorNoDevice"), None),
        (Cuda("cudaErrorInsufficientDriver"), None),
        (Cuda("", 0), None),
        (Cuda("", 2, properties), Gpu("NVIDIA H200", "9.0")),
    ):
        monkeypatch.setattr(installed, "cuda_runtime", lambda cuda=cuda: cuda)
        assert current_gpu() == wanted
    monkeypatch.setattr(installed, "cuda_runtime", lambda: Cuda("cudaErrorECCUncorrectable", 1))
    with pytest.raises(OSError, match=r"the GPU failed: something broke \(cudaErrorECCUncorrectable\)"):
        current_gpu()


class HostCuda(Cuda):
    """A CUDA runtime whose memory is the host's, counted."""

    def __init__(self):
        super().__init__("")
        self.cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2)
        self.memory, self.open_streams = {}, 0

    def cudaStreamCreate(self):
        self.open_streams += 1
        return self.error, 7

    def cudaStreamDestroy(self, stream):
        self.open_streams -= 1
        return (self.error,)

    def cudaStreamSynchronize(self, stream):
        return (self.error,)

    def cudaMalloc(self, size):
        buffer = ctypes.create_string_buffer(size)
        self.memory[ctypes.addressof(buffer)] = buffer
        return self.error, ctypes.addressof(buffer)

    def cudaFree(self, address):
        del self.memory[address]
        return (self.error,)

    def cudaMemcpyAsync(self, to, source, size, kind, stream):
        ctypes.memmove(to, source, size)
        return (self.error,)


def test_buffers_are_reused_grow_and_are_given_back(monkeypatch):
    cuda = HostCuda()
    monkeypatch.setattr("voiceloom_model.gpu.memory.cuda_runtime", lambda: cuda)
    buffers = Buffers()
    assert buffers.stream == 7
    long, short, scalar = np.arange(9.0), np.arange(3.0), np.array(5)
    address = buffers.upload("x", long)
    assert buffers.upload("x", short) == address and buffers.upload("start", scalar) != address
    found = np.empty(3)
    buffers.download("x", found)
    np.testing.assert_array_equal(found, short)
    buffers.upload("x", np.arange(90.0))
    assert len(cuda.memory) == 2, "what was too small is free"
    buffers.close()
    assert not cuda.memory and cuda.open_streams == 0
    dropped = Buffers()
    dropped.hold("y", 10)
    del dropped
    assert not cuda.memory and cuda.open_streams == 0


def test_tensorrt_wants_the_gpu_that_it_builds_for(monkeypatch, tmp_path):
    monkeypatch.setattr("voiceloom_model.gpu.build.tensorrt_library", lambda: LIBRARY)
    monkeypatch.setattr("voiceloom_model.gpu.build.current_gpu", lambda: None)
    with pytest.raises(ValueError, match="there is none here; use tensorrt-rtx"):
        Builder(Lengths((8,), (8,), 256), tmp_path)


def test_tensorrt_is_given_what_it_timed_before_on_this_gpu(monkeypatch, tmp_path):
    monkeypatch.setattr("voiceloom_model.gpu.build.tensorrt_library", lambda: LIBRARY)
    gpus = [RTX4090, RTX4090, Gpu("NVIDIA H200", "9.0")]
    monkeypatch.setattr("voiceloom_model.gpu.build.current_gpu", lambda: gpus.pop(0))
    graph, engine = tmp_path / "encoder.onnx", tmp_path / "encoder.engine"
    graph.write_bytes(b"graph")
    timed = []
    for gpu in list(gpus):
        builder = Builder(Lengths((8, 16), (8,), 256), tmp_path / "cache")
        card = builder.build(graph, "fp32", engine)
        (config,) = builder._builder.asked
        timed.append(config.timed)
        assert config.profiles == [{"tokens": ((1, 1), (1, most), (1, most))} for most in (8, 16)]
        assert config.cleared == ["tf32"]
        assert (card.gpu, card.compute_capability) == (gpu.name, gpu.compute_capability)
    assert timed == [True, False, True]
    assert engine.read_bytes() == b"engine" and check_card(engine, file_sha256(graph), LIBRARY, gpu) == card


@pytest.mark.slow
class TestByTensorrtRtx:
    """Real parsing and building, which need the wheels of TensorRT-RTX and CUDA's bindings but no GPU."""

    LENGTHS = Lengths((64, 512), (256, 640), 256)
    MOST = (
        {"tokens": 512, "frames": 256, "samples": 256 * 256},
        {"tokens": 512, "frames": 640, "samples": 640 * 256},
    )

    @pytest.fixture(autouse=True)
    def _wheels(self, monkeypatch):
        pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed")
        pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings is not installed")
        monkeypatch.setattr(installed, "LIBRARIES", ("tensorrt_rtx",))

    def test_both_graphs_become_engines_with_a_profile_a_bucket(self, bundle, tmp_path):
        cards = build_engines(bundle, "fp16", self.LENGTHS, tmp_path / "engines", tmp_path / "cache")
        for name, lengths in (("encoder", [{"tokens": 64}, {"tokens": 512}]), ("decoder", None)):
            engine, graph = tmp_path / "engines" / f"{name}.engine", bundle / "fp32" / f"{name}.onnx"
            card = cards[name]
            assert engine.stat().st_size > 100_000 and read_card(engine) == card
            assert (card.graph_sha256, card.library) == (file_sha256(graph), "tensorrt_rtx")
            assert card.lengths == (lengths or list(self.MOST))
        assert (cards["encoder"].precision, cards["decoder"].precision) == ("fp32", "fp16")

    @pytest.mark.parametrize("parts", [{"decoder": "istft", "duration": "stochastic"}, VITS_PARTS], ids=str)
    def test_other_parts_become_engines_as_well(self, tmp_path, parts):
        export_synthesizer(random_synthesizer(**parts, vits=SMALL_VITS), tmp_path / "fp32")
        lengths = Lengths((512,), (640,), 256)
        cards = build_engines(tmp_path, "fp32", lengths, tmp_path / "engines", tmp_path / "cache")
        assert [card.lengths for card in cards.values()] == [[{"tokens": 512}], [self.MOST[1]]]

    def test_what_it_cannot_read_is_one_sentence_with_its_words(self, bundle, tmp_path):
        model = onnx.load(bundle / "fp32" / "decoder.onnx")
        next(node for node in model.graph.node if node.op_type == "CumSum").op_type = "NoSuchOperation"
        onnx.save(model, tmp_path / "decoder.onnx")
        with pytest.raises(ValueError, match=r"does not read .*decoder.onnx: .*NoSuchOperation"):
            Builder(self.LENGTHS, tmp_path).build(tmp_path / "decoder.onnx", "fp32", tmp_path / "decoder.engine")
        assert not (tmp_path / "decoder.engine").exists()

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
    def test_without_a_gpu_an_engine_is_not_loaded(self, engine):
        with pytest.raises(ValueError, match="needs a CUDA GPU, and there is none here"):
            open_engine(engine, "abc")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
class TestOnAGpu:
    """What is installed builds for the GPU that is here, and speaks."""

    @pytest.fixture(autouse=True)
    def _wheels(self):
        pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings is not installed")
        if not any(map(find_spec, installed.LIBRARIES)):
            pytest.skip("no TensorRT is installed")

    @pytest.mark.parametrize(("precision", "least_db"), [("fp32", -60), ("fp16", -30)])
    def test_engines_sound_as_their_graphs_and_the_same_every_time(self, bundle, tmp_path, precision, least_db):
        engines, cache = tmp_path / "engines", tmp_path / "cache"
        cards = build_engines(bundle, precision, Lengths((64, 512), (256, 640), 256), engines, cache)
        here = current_gpu()
        assert here is not None and {card.gpu for card in cards.values()} == {here.name}
        assert engine_distance(bundle, engines, cache).wave_db < least_db
        assert any(cache.iterdir()), "what was timed or compiled is kept"
        voice = engine_voice(bundle, engines, cache)
        spoken = voice.say(TEXT)
        assert len(spoken) == len(Voice.load(bundle, precision="fp32").say(TEXT))
        np.testing.assert_array_equal(voice.say(TEXT), spoken)
        foreign = dataclasses.replace(cards["decoder"], gpu="another")
        foreign.write(engines / "decoder.engine")
        with pytest.raises(ValueError, match=r"was built for another .* here is"):
            engine_voice(bundle, engines)
