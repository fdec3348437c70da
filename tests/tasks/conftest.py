"""Spoken features and an untrained checkpoint, as the stages after training read them."""

import json
from pathlib import Path

import numpy as np
import pytest

from tasks.audio import to_flac
from tasks.params import AudioParams
from tasks.records import FEATURES, write_shard
from voiceloom_model.features import MelConfig, log_mel, pad_to_frames
from voiceloom_model.text import encode, front_end_identity, phonemize

SENTENCES = Path(__file__).parents[2] / "data" / "sentences"

#: Held out are b and c.
TEXTS = {
    "a": "Please enter your number.",
    "b": "Thank you for calling our office.",
    "c": "That agent is already logged on.",
    "d": "Good morning, my friend.",
}


@pytest.fixture(scope="session")
def audio() -> AudioParams:
    return AudioParams(sample_rate_hz=16000, n_fft=1024, hop_length=256, n_mels=80, f_min_hz=0, f_max_hz=8000)


@pytest.fixture(scope="session")
def spoken() -> dict[str, np.ndarray]:
    """Text → clear synthetic speech at 16 kHz."""
    import librosa
    from hibari import SAMPLE_RATE, Hibari

    voice = Hibari()
    return {
        text: librosa.resample(voice(text, seed=1), orig_sr=SAMPLE_RATE, target_sr=16000) for text in TEXTS.values()
    }


def feature_row(name: str, wave: np.ndarray) -> dict:
    from voiceloom_model.speaker import embed

    text = TEXTS[name]
    padded = pad_to_frames(wave, MelConfig())
    frames = len(padded) // 256
    phonemes = phonemize(text, "en-US")
    tokens = encode(phonemes)
    return {
        **{"id": f"made/{name}", "corpus": "made", "speaker": "heart", "language": "en-US"},
        **{"licence": "Apache-2.0", "consent_id": "none-needed", "text": text, "content_key": name},
        **{"split": "test" if name in "bc" else "train", "duration_s": len(wave) / 16000, "sample_rate_hz": 16000},
        **{"phonemes": phonemes, "phoneme_ids": tokens.ids, "stress_ids": tokens.stress, "n_frames": frames},
        **{"mel": log_mel(padded, MelConfig()).astype(np.float16).ravel()},
        **{name: np.zeros(frames, np.float16) for name in ("f0_hz", "energy_db")},
        **{"mfcc": np.zeros(13 * frames, np.float16), "speaker_embedding": embed(wave, 16000)},
        "audio": {"bytes": to_flac(wave, 16000), "path": f"{name}.flac"},
    }


@pytest.fixture(scope="session")
def features_table(spoken, tmp_path_factory) -> Path:
    """`data/features` of two utterances to train on and two held out."""
    folder = tmp_path_factory.mktemp("features")
    rows = [feature_row(name, spoken[text]) for name, text in TEXTS.items()]
    write_shard(rows[:3], folder, 0, FEATURES)
    write_shard(rows[3:], folder, 1, FEATURES)
    statistics = {"front_ends": {"en-US": front_end_identity("en-US")}}
    (folder / "statistics.json").write_text(json.dumps(statistics))
    return folder


@pytest.fixture(scope="session")
def checkpoint(audio, tmp_path_factory) -> Path:
    """`models/checkpoint` of a tiny network that never learned anything."""
    from made_voice import random_synthesizer
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("checkpoint")
    synthesizer = random_synthesizer()
    save_file(synthesizer.state_dict(), folder / "model.safetensors")
    config = {
        "model": synthesizer.config.to_dict(),
        "mel": audio.model_dump(),
        "speakers": {"heart": [1 / 16] * 256},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "curves.json").write_text('[{"step": 0, "mel": 1.0}]\n')
    return folder


@pytest.fixture(scope="session")
def quantized(checkpoint, features_table, tmp_path_factory) -> Path:
    """`models/quantized`, with every layer at 8 bits."""
    from tasks import quantize
    from tasks.params import QuantizeParams

    folder = tmp_path_factory.mktemp("models") / "quantized"
    params = QuantizeParams(calibration_utterances=1, max_mel_increase=1.0)
    quantize.run(checkpoint=checkpoint, features=features_table, quantized=folder, quantize=params)
    return folder


@pytest.fixture(scope="session")
def lexicon(tmp_path_factory) -> Path:
    """`data/lexicon.tsv` with one entry."""
    path = tmp_path_factory.mktemp("data") / "lexicon.tsv"
    path.write_text("# word\tIPA\nvoiceloom\tvˈɔɪslˌuːm\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def bundle(checkpoint, quantized, features_table, lexicon, tmp_path_factory) -> Path:
    """`models/voice`."""
    from tasks import export
    from tasks.params import ExportParams

    models = tmp_path_factory.mktemp("models")
    params = ExportParams(precisions=["fp32", "int8"], parity_lengths=2, parity_tolerance=1e-4, piper=False)
    inputs = {"checkpoint": checkpoint, "quantized": quantized, "features": features_table, "lexicon": lexicon}
    export.run(**inputs, sentences=SENTENCES, voice=models / "voice", piper=models / "piper", export=params)
    return models / "voice"
