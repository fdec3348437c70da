"""The speaker encoder against Resemblyzer itself, and its ONNX graph against it, on speech of one reader."""

import sys
import types
import warnings

import numpy as np
import onnxruntime
import pytest
import torch

from voiceloom_model.speaker import EMBEDDING_SIZE, embed, embed_many, load_speaker_encoder
from voiceloom_model.speaker_weights import weights_hash

LENGTHS = (160, 9_000, 19_199, 19_200, 31_519, 31_520, 64_000)


@pytest.fixture(scope="module")
def speech():
    """Some five seconds at 16 kHz."""
    import librosa
    from hibari import Hibari

    voice = Hibari()("Please enter your number, followed by the pound key. Then wait for the tone.", seed=1)
    return librosa.resample(voice, orig_sr=24000, target_sr=16000)


@pytest.fixture(scope="module")
def resemblyzer():
    """The package, which looks for a module that newer SciPy has merged into its parent."""
    import scipy.ndimage

    old = types.ModuleType("scipy.ndimage.morphology")
    old.binary_dilation = scipy.ndimage.binary_dilation
    sys.modules.setdefault("scipy.ndimage.morphology", old)
    return pytest.importorskip("resemblyzer", reason="Resemblyzer or its webrtcvad is not installed")


@pytest.fixture(scope="module")
def graph(tmp_path_factory, speech):
    path = tmp_path_factory.mktemp("graph") / "speaker_encoder.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PyTorch, that this exporter is the old one and lengths must be tested
        torch.onnx.export(
            load_speaker_encoder(),
            (torch.from_numpy(speech)[None],),
            path,
            input_names=["wave"],
            output_names=["embedding"],
            dynamic_axes={"wave": {1: "T"}},
            opset_version=17,
            dynamo=False,
        )
    return onnxruntime.InferenceSession(path)


def test_it_hears_what_resemblyzer_hears(resemblyzer, speech):
    encoder = resemblyzer.VoiceEncoder("cpu", verbose=False)
    trimmed = resemblyzer.preprocess_wav(speech)
    expected = encoder.embed_utterance(trimmed)
    assert np.abs(embed(trimmed, 16000) - expected).max() < 1e-5
    assert embed(speech, 16000) @ expected > 0.95  # the pauses, which Resemblyzer cuts out, tell little


@pytest.mark.parametrize("samples", LENGTHS)
def test_windows_are_resemblyzers_at_any_length(resemblyzer, speech, samples):
    encoder = resemblyzer.VoiceEncoder("cpu", verbose=False)
    wave = np.resize(speech, samples)
    loud = resemblyzer.audio.normalize_volume(wave, -30, increase_only=True)
    assert np.abs(embed(wave, 16000) - encoder.embed_utterance(loud)).max() < 1e-5


@pytest.mark.parametrize("samples", LENGTHS)
def test_the_onnx_graph_says_the_same(graph, speech, samples):
    wave = np.resize(speech, samples)
    (found,) = graph.run(None, {"wave": wave[None]})
    assert found.shape == (1, EMBEDDING_SIZE)
    assert np.abs(found[0] - embed(wave, 16000)).max() < 1e-4


def test_a_vector_has_unit_length_and_ignores_how_quiet_speech_is(speech):
    vector = embed(0.02 * speech, 16000)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert np.abs(vector - embed(0.01 * speech, 16000)).max() < 1e-4


def test_other_sample_rates_are_resampled(speech):
    import librosa

    wide = librosa.resample(speech, orig_sr=16000, target_sr=22050)
    assert embed(wide, 22050) @ embed(speech, 16000) > 0.99


def test_threads_do_not_change_a_bit(speech):
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        two = embed(speech, 16000)
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)
        assert np.array_equal(embed(speech, 16000), two)
    finally:
        torch.set_num_threads(threads)


def test_nothing_has_no_speaker():
    with pytest.raises(ValueError, match="empty waveform"):
        embed(np.zeros(0, np.float32), 16000)


def test_silence_has_a_finite_vector():
    assert np.isfinite(embed(np.zeros(16000, np.float32), 16000)).all()


def test_the_weights_are_named_by_their_content():
    assert weights_hash() == "ac55c5208b42b9dffc54635a39cbb2be"


def test_company_changes_no_bit_of_a_vector():
    rng = np.random.default_rng(0)
    sounds = [(0.1 * rng.standard_normal(n).astype(np.float32), 16000) for n in (9000, 48000, 30000, 200000, 16000)]
    alone = [embed(*sound) for sound in sounds]
    for order in ([0, 1, 2, 3, 4], [3, 0, 4, 1, 2], [2, 2, 1]):
        together = embed_many([sounds[index] for index in order])
        assert all(np.array_equal(found, alone[index]) for found, index in zip(together, order, strict=True))
    assert embed_many([]) == []
