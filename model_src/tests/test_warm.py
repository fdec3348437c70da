"""Warm starts: public voices speak as they did, go out again, and their weights begin ours."""

import contextlib
import dataclasses
import json
import math
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from made_published import OUR_SYMBOLS, PIPER_SYMBOLS, SMALL, espeak_ids, hf_voice, joe, piper_voice
from made_voice import random_synthesizer
from safetensors.torch import load_file, save_file

from voiceloom_model.config import VITS_PARTS, VitsSizes, model_config
from voiceloom_model.nn.synthesizer import Synthesizer
from voiceloom_model.nn.text import whole_durations
from voiceloom_model.text import encode, phonemize
from voiceloom_model.text.layout import spread
from voiceloom_model.text.symbols import END_ID, N_SYMBOLS, PAD_ID, START_ID, SYMBOLS
from voiceloom_model.warm import (
    Extra,
    load_hf,
    load_piper,
    load_start,
    save_hf,
    start_config,
    start_weights,
    with_our_symbols,
)
from voiceloom_model.warm.names import huggingface_name, published_name

SENTENCES = Path(__file__).parents[2] / "data" / "sentences" / "everyday-en.txt"
VOICES = [
    {},
    {"use_stochastic_duration_prediction": False},
    {"num_speakers": 3, "speaker_embedding_size": 24},
    {"num_speakers": 3, "speaker_embedding_size": 24, "use_stochastic_duration_prediction": False},
]
VOICE_IDS = ["one, stochastic", "one, convolutional", "many, stochastic", "many, convolutional"]


def opened(published) -> Synthesizer:
    synthesizer = Synthesizer(published.config)
    synthesizer.load_state_dict(published.weights)
    return synthesizer.eval()


@torch.no_grad()
def ours(synthesizer, ids, speaker=None, duration_noise=0.0, noise=0.0, seed=0, language=0):
    """A waveform (T,); noise is given by its scales."""
    tokens, config = torch.tensor([ids]), synthesizer.config
    vector = torch.zeros(1, config.speaker_size) if speaker is None else speaker.unsqueeze(0)
    generator = torch.Generator().manual_seed(seed)
    drawn = duration_noise * torch.randn(1, 2, len(ids), generator=generator).transpose(1, 2)
    hidden, log_frames = synthesizer.encode(
        tokens,
        torch.zeros_like(tokens),
        torch.tensor([language]),
        vector,
        drawn if synthesizer.durations.noise_size else None,
    )
    durations = whole_durations(log_frames)
    if not synthesizer.durations.noise_size:
        generator.manual_seed(seed)
    drawn = noise * torch.randn(1, config.latent, int(durations.sum()), generator=generator).transpose(1, 2)
    return synthesizer.decode(hidden, durations, drawn, vector)[0]


@torch.no_grad()
def theirs(model, ids, speaker=None, seed=0):
    """A waveform (T,) of a `VitsModel`, its noise drawn as `ours` draws it."""
    generator, randn = torch.Generator().manual_seed(seed), torch.randn

    def drawn(*shape, **_):
        return randn(*shape, generator=generator)

    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(torch, "randn", drawn))
        stack.enter_context(mock.patch.object(torch, "randn_like", lambda like: drawn(*like.shape)))
        return model(torch.tensor([ids]), speaker_id=speaker).waveform[0]


def same(a, b):
    assert a.shape == b.shape and 1e-3 < a.abs().max() <= 1
    torch.testing.assert_close(a, b, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", VOICES, ids=VOICE_IDS)
def test_a_hugging_face_voice_speaks_as_it_did_and_goes_out_again(kind, tmp_path):
    from transformers import VitsModel

    model = hf_voice(tmp_path / "theirs", **SMALL, **kind)
    voice = load_hf(tmp_path / "theirs")
    synthesizer, ids = opened(voice), [1, 5, 7, 3, 19, 0, 2, 2, 11]
    save_hf(tmp_path / "ours", synthesizer, voice.extra)
    again = VitsModel.from_pretrained(tmp_path / "ours").eval()
    assert voice.extra.speakers.keys() == ({"0", "1", "2"} if kind.get("num_speakers") else set())
    for speaker in [int(name) for name in voice.extra.speakers] or [None]:
        vector = None if speaker is None else voice.extra.speakers[str(speaker)]
        wave = ours(synthesizer, ids, vector, 0.8, 0.667)
        same(wave, theirs(model, ids, speaker))
        same(wave, theirs(again, ids, speaker))


@pytest.mark.parametrize("kind", VOICES, ids=VOICE_IDS)
def test_there_are_as_many_parameters_as_theirs(kind, tmp_path):
    """But for what is ours alone, and the scales of weight normalisation, which are folded."""
    model = hf_voice(tmp_path, **SMALL, **kind)
    voice = load_hf(tmp_path)
    extra = {name for name in voice.extra.fresh} | {"speakers"}
    count = sum(value.numel() for name, value in voice.weights.items() if name not in extra)
    scales = sum(value.numel() for name, value in model.named_parameters() if name.endswith("original0"))
    table = sum(value.numel() for value in voice.extra.speakers.values())
    assert count + table == sum(value.numel() for value in model.parameters()) - scales
    named = {huggingface_name(name) for name in voice.weights} - {None}
    assert len(named) == len([name for name in voice.weights if huggingface_name(name)])


@pytest.mark.slow
def test_a_voice_of_the_default_size_speaks_as_it_did(tmp_path):
    model = hf_voice(tmp_path)
    voice = load_hf(tmp_path)
    assert voice.config.vits == VitsSizes() and voice.config.latent == 192
    ids = torch.randint(0, 38, (30,), generator=torch.Generator().manual_seed(0)).tolist()
    same(ours(opened(voice), ids, None, 0.8, 0.667), theirs(model, ids))


def test_weight_normalisation_in_the_older_notation_is_folded(tmp_path):
    hf_voice(tmp_path, **SMALL)
    weights = load_hf(tmp_path).weights
    tensors = load_file(tmp_path / "model.safetensors")
    older = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): value
        for name, value in tensors.items()
    }
    assert older.keys() != tensors.keys()
    save_file(older, tmp_path / "model.safetensors")
    assert all(torch.equal(value, weights[name]) for name, value in load_hf(tmp_path).weights.items())


def small_vits(**parts) -> Synthesizer:
    """A voice of VITS parts that reads our symbols and hears speakers and languages."""
    sizes = VitsSizes(
        text_layers=2, text_ffn=48, posterior_layers=3, flow_layers=2, upsample_rates=(8, 8, 4),
        upsample_kernels=(16, 16, 8), upsample_channels=16, resblock_kernels=(3, 5),
        resblock_dilations=((1, 3), (1, 5)), duration_channels=24, resblock=parts.pop("resblock", 1),
    )  # fmt: skip
    config = model_config("tiny", n_symbols=N_SYMBOLS, n_languages=64, dropout=0.0, **{**VITS_PARTS, **parts})
    torch.manual_seed(0)
    synthesizer = Synthesizer(dataclasses.replace(config, hidden=32, latent=16, vits=sizes))
    with torch.no_grad():
        for parameter in synthesizer.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return synthesizer.eval()


@pytest.mark.parametrize("duration", ["stochastic", "convolutional"])
def test_our_speaker_and_language_are_in_a_voice_that_goes_out(duration, tmp_path):
    from transformers import VitsModel, VitsTokenizer

    synthesizer, speaker = small_vits(duration=duration), torch.randn(256)
    ids = spread(*encode("həlˈoʊ."))
    save_hf(tmp_path, synthesizer, Extra(SYMBOLS, 16000, language="de", speakers={"ada": speaker}))
    model = VitsModel.from_pretrained(tmp_path).eval()
    table = duration == "convolutional"  # its speaker cannot be folded, and a table has two rows at least
    assert model.config.num_speakers == (2 if table else 1) and model.config.sampling_rate == 16000
    wave = ours(synthesizer, ids.ids, speaker, 0.8, 0.667, language=6)
    same(wave, theirs(model, ids.ids, 0 if table else None))
    assert (wave[:1000] - ours(synthesizer, ids.ids, None, 0.8, 0.667)[:1000]).abs().max() > 1e-3
    tokenizer = VitsTokenizer.from_pretrained(tmp_path)
    assert tokenizer("^_h_ə_l_ˈ_o_ʊ_._$")["input_ids"] == ids.ids


def test_speaker_names_go_out_and_come_back(tmp_path):
    speakers = {"ada": torch.randn(256), "bert": torch.randn(256)}
    save_hf(tmp_path, small_vits(), Extra(SYMBOLS, 22050, speakers=speakers, noise_scale=0.3))
    extra = load_hf(tmp_path).extra
    assert list(extra.speakers) == ["ada", "bert"] and torch.equal(extra.speakers["bert"], speakers["bert"])
    assert (extra.symbols, extra.sample_rate_hz, extra.noise_scale) == (SYMBOLS, 22050, 0.3)


def test_symbols_move_by_their_names(tmp_path):
    hf_voice(tmp_path, {"a": 4, "ə": 2, " ": 3, "ж": 5, "k": 0}, **SMALL)
    voice = load_hf(tmp_path)
    rows, moved = (published.weights["text.symbols.weight"] for published in (voice, with_our_symbols(voice)))
    assert len(moved) == N_SYMBOLS and with_our_symbols(voice).config.n_symbols == N_SYMBOLS
    for symbol, row in {"a": 4, "ə": 2, " ": 3, "k": 0}.items():
        assert torch.equal(moved[SYMBOLS[symbol]], rows[row])
    for mark in (START_ID, PAD_ID, END_ID):
        assert torch.equal(moved[mark], rows[0])  # what stands between its symbols is row 0
    assert not any(torch.equal(row, moved[SYMBOLS["b"]]) for row in rows)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda folder: (folder / "config.json").unlink(), FileNotFoundError, "config.json is missing"),
        (lambda folder: (folder / "config.json").write_text("{"), ValueError, "no whole JSON"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "bert"}'), ValueError, "'bert' model"),
        (lambda folder: (folder / "model.safetensors").unlink(), FileNotFoundError, "model.safetensors is missing"),
        (
            lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
            ValueError,
            "pytorch_model.bin is a pickle; save it as safetensors",
        ),
        (lambda folder: cut(folder / "model.safetensors"), ValueError, "no whole safetensors file"),
        (lambda folder: dropped(folder, "text_encoder."), ValueError, r"lacks text.symbols.weight.* and \d+ more"),
        (
            lambda folder: configured(folder, ffn_dim=50),
            ValueError,
            "does not fit its own configuration: text.layers.0",
        ),
        (lambda folder: configured(folder, hidden_act="gelu"), ValueError, "hidden_act 'gelu'"),
    ],
)
def test_what_is_no_hugging_face_voice_is_one_clear_error(change, error, words, tmp_path):
    hf_voice(tmp_path, **SMALL)
    change(tmp_path)
    with pytest.raises(error, match=words) as caught:
        load_hf(tmp_path)
    assert "\n" not in str(caught.value)


def cut(path: Path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def dropped(folder: Path, prefix: str):
    tensors = load_file(folder / "model.safetensors")
    save_file({name: v for name, v in tensors.items() if not name.startswith(prefix)}, folder / "model.safetensors")


def configured(folder: Path, **changes):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, **changes}), encoding="utf-8")


@pytest.mark.parametrize(
    ("synthesizer", "extra", "words"),
    [
        (random_synthesizer, Extra(SYMBOLS, 16000), "has text_encoder rotary, duration deterministic, prior frames"),
        (lambda: small_vits(resblock=2), Extra(SYMBOLS, 16000), "this one has 2, as Piper does"),
        (small_vits, Extra({"a": N_SYMBOLS}, 16000), f"need {N_SYMBOLS + 1} rows; the voice has {N_SYMBOLS}"),
    ],
)
def test_what_hugging_face_cannot_hold_does_not_go_out(synthesizer, extra, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        save_hf(tmp_path / "out", synthesizer(), extra)
    assert not (tmp_path / "out").exists()


def test_published_names_count_the_reversals_between_flows():
    assert published_name("flow.couplings.3.wavenet.gates.1.bias") == "flow.flows.6.enc.in_layers.1.bias"
    assert published_name("durations.flows.0.shift") == "dp.flows.0.m"
    assert published_name("durations.flows.4.convs.depthwise_norms.2.weight") == "dp.flows.7.convs.norms_1.2.gamma"
    assert published_name("decoder.resblocks.8.plain.2.weight") == "dec.resblocks.8.convs2.2.weight"
    assert published_name("text.languages.weight") is None


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("parts", [{"resblock": 2}, {"duration": "convolutional"}])
def test_a_piper_graph_gives_its_weights_and_sizes(parts, many, tmp_path):
    synthesizer = small_vits(**parts)
    speakers = {"ada": torch.randn(256), "bert": torch.randn(256)} if many else None
    with torch.no_grad():  # theirs stand three rows further down
        table = synthesizer.text.symbols.weight
        rows = torch.cat([torch.randn(3, 32), table])
        synthesizer.text.symbols.weight = torch.nn.Parameter(rows)
        piper_voice(tmp_path / "voice.onnx", synthesizer, PIPER_SYMBOLS, speakers)
        synthesizer.text.symbols.weight = torch.nn.Parameter(table)
    voice = load_piper(tmp_path / "voice.onnx")
    posterior = VitsSizes().posterior_layers
    defaults = {"duration_channels": 256} if voice.config.duration == "stochastic" else {}
    assert voice.config.vits == dataclasses.replace(synthesizer.config.vits, posterior_layers=posterior, **defaults)
    extra = voice.extra
    assert (extra.sample_rate_hz, extra.language, extra.noise_scale, extra.duration_noise_scale) == (
        22050,
        "en-US",
        0.5,
        0.6,
    )
    assert list(extra.speakers) == list(speakers or {})
    state = synthesizer.state_dict()
    loaded = [name for name in voice.weights if name not in extra.fresh]
    for name in loaded:
        torch.testing.assert_close(voice.weights[name], state[name], msg=name)
    missing = {
        name for name in state if name not in loaded and not name.startswith(("posterior", "durations.posterior"))
    }
    assert all(name.startswith(("mel_", "text.stress", "text.lang", "durations.flows.1.")) or ".speaker." in name
               for name in missing)  # fmt: skip
    assert many == (not any(".speaker." in name for name in missing))


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda path: path.unlink(), FileNotFoundError, "voice.onnx is missing"),
        (lambda path: Path(f"{path}.json").unlink(), FileNotFoundError, "voice.onnx.json is missing: a Piper voice is"),
        (lambda path: Path(f"{path}.json").write_text("{}"), ValueError, "lacks phoneme_id_map"),
        (cut, ValueError, "no whole ONNX file"),
        (lambda path: path.write_text("words"), ValueError, "no whole ONNX file"),
        (
            lambda path: piper_voice(path, small_vits(), PIPER_SYMBOLS),
            ValueError,
            "has an id 168; its table of symbols",
        ),
        (lambda path: without_weights(path, "enc_p."), ValueError, "no graph of a Piper voice"),
        (lambda path: without_weights(path, "flow.flows.2.pre"), ValueError, "nothing takes flow.flows.2.enc"),
        (lambda path: without_weights(path, "dec.ups.1.bias"), ValueError, "lacks decoder.upsamplers.1.bias"),
    ],
)
def test_what_is_no_piper_voice_is_one_clear_error(change, error, words, tmp_path):
    piper_voice(tmp_path / "voice.onnx", small_vits(), OUR_SYMBOLS)
    change(tmp_path / "voice.onnx")
    with pytest.raises(error, match=words) as caught:
        load_piper(tmp_path / "voice.onnx")
    assert "\n" not in str(caught.value)


def without_weights(path: Path, prefix: str):
    import onnx

    model = onnx.load(path)
    kept = [tensor for tensor in model.graph.initializer if not tensor.name.startswith(prefix)]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    onnx.save(model, path)


@pytest.mark.slow
def test_a_real_piper_voice_speaks_as_it_did():
    import onnxruntime

    path = joe()
    voice = load_piper(path)
    assert (voice.extra.sample_rate_hz, voice.config.hop_length, voice.extra.language) == (22050, 256, "en-US")
    ids = spread(*encode(phonemize("The train to the coast leaves at half past seven.", "en-US"))).ids
    wave = ours(opened(voice), ids)
    original = original_wave(onnxruntime.InferenceSession(path), ids)
    assert np.abs(original).max() > 0.1
    same(wave, torch.from_numpy(original))


def original_wave(session, ids: list[int]) -> np.ndarray:
    """What Piper's own graph says without noise, (T,)."""
    inputs = {
        "input": np.array([ids]),
        "input_lengths": np.array([len(ids)]),
        "scales": np.array([0, 1, 0], np.float32),
    }
    return session.run(None, inputs)[0].ravel()


@pytest.mark.slow
def test_a_real_piper_voice_is_understood_when_our_front_end_reads_to_it(tmp_path):
    """Word error rate of 20 sentences within two points of the original's, which espeak reads to."""
    import jiwer
    import onnxruntime
    import soxr

    from tasks.asr import Listener
    from tasks.evaluate.normalise import normalise

    path = joe()
    synthesizer, session = opened(load_piper(path)), onnxruntime.InferenceSession(path)
    lines = [line for line in SENTENCES.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"][:20]
    ear = Listener("whisper-base", tmp_path)

    def error_rate(waves):
        heard = [ear.hear(soxr.resample(wave, 22050, 16000), "en") for wave in waves]
        return 100 * jiwer.wer([normalise(line, "en") for line in lines], [normalise(text, "en") for text in heard])

    by_us = error_rate([ours(synthesizer, spread(*encode(phonemize(line, "en-US"))).ids).numpy() for line in lines])
    original = error_rate(
        [np.concatenate([original_wave(session, ids) for ids in chunks]) for chunks in espeak_ids(lines, path)]
    )
    print(f"word error rate in %: ours {by_us:.2f}, original {original:.2f}")
    assert original < 10 and by_us <= original + 2


def checkpoint(folder: Path, synthesizer: Synthesizer, symbols=tuple(SYMBOLS), rate=16000) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.contiguous() for name, value in synthesizer.state_dict().items()}, folder / "model.safetensors"
    )
    about = {"model": synthesizer.config.to_dict(), "mel": {"sample_rate_hz": rate}, "symbols": list(symbols)}
    (folder / "config.json").write_text(json.dumps(about), encoding="utf-8")
    return folder


def tiny(**changes):
    return model_config("tiny", n_symbols=N_SYMBOLS, n_languages=64, **changes)


def test_all_of_a_checkpoint_begins_the_same_network(tmp_path):
    synthesizer = random_synthesizer()
    folder = checkpoint(tmp_path, synthesizer)
    start = load_start(folder, tiny())
    assert start.weights.keys() == synthesizer.state_dict().keys() and start.discriminators is None
    assert all(torch.equal(value, start.weights[name]) for name, value in synthesizer.state_dict().items())
    save_file({"judge": torch.ones(1)}, folder / "discriminators.safetensors")
    assert load_start(folder, tiny()).discriminators is not None
    assert load_start(folder, tiny(discriminator_width=8)).discriminators is None


def test_a_speaker_table_is_never_taken(tmp_path):
    folder = checkpoint(tmp_path, Synthesizer(tiny(n_speakers=2)))
    for n_speakers in (0, 2, 5):
        start = load_start(folder, tiny(n_speakers=n_speakers))
        assert "speakers.weight" not in start.weights and "text.symbols.weight" in start.weights


def test_another_network_takes_what_matches_and_says_how_much(tmp_path):
    synthesizer = random_synthesizer()
    folder = checkpoint(tmp_path, synthesizer)
    with pytest.raises(
        ValueError, match=r"does not fit this network: decoder\.stack.* and \d+ more; start_with matching"
    ):
        load_start(folder, tiny(decoder_width=32))
    with pytest.raises(
        ValueError, match="of other parts than this network: duration deterministic, here convolutional"
    ):
        load_start(folder, tiny(duration="convolutional"))
    start = load_start(folder, tiny(decoder_width=32), "matching")
    state = Synthesizer(tiny(decoder_width=32)).state_dict()
    assert all(state[name].shape == value.shape for name, value in start.weights.items())
    assert {name for name in state if name not in start.weights} >= {"decoder.stack.enter.weight"}
    assert start.report.startswith(
        f"{len(start.weights)} of {len(state)} weights are those of {folder}; new: decoder ("
    )


def test_the_decoder_alone_begins_another_voice(tmp_path):
    folder = checkpoint(tmp_path, random_synthesizer(), symbols="ab")
    start = load_start(folder, tiny(hidden=96, duration="stochastic"), "decoder")
    assert {name.split(".")[0] for name in start.weights} == {"decoder"}
    with pytest.raises(ValueError, match="does not fit this network: decoder"):
        load_start(folder, tiny(decoder_width=32), "decoder")


def test_other_symbols_are_refused_or_moved_by_name(tmp_path):
    synthesizer = Synthesizer(dataclasses.replace(tiny(), n_symbols=4))
    folder = checkpoint(tmp_path, synthesizer, symbols=["_", "ə", "b", "a"])
    with pytest.raises(ValueError, match="trained with other symbols than there are now"):
        load_start(folder, tiny())
    rows = load_start(folder, tiny(), "matching").weights["text.symbols.weight"]
    assert torch.equal(rows[SYMBOLS["a"]], synthesizer.text.symbols.weight[3])
    assert len(rows) == N_SYMBOLS


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), FileNotFoundError, "a checkpoint is a folder with"),
        (lambda folder: cut(folder / "model.safetensors"), ValueError, "no whole safetensors file"),
        (lambda folder: (folder / "config.json").write_text('{"model": {}}'), ValueError, "describes no voice of ours"),
    ],
)
def test_a_broken_checkpoint_is_one_clear_error(change, error, words, tmp_path):
    folder = checkpoint(tmp_path, random_synthesizer())
    change(folder)
    with pytest.raises(error, match=words):
        start_weights(folder, tiny())
    with pytest.raises(ValueError, match="there is no start_with 'half'; there are: all, matching, decoder"):
        load_start(checkpoint(tmp_path / "whole", random_synthesizer()), tiny(), "half")


@pytest.mark.parametrize("source", ["ours", "huggingface", "piper"])
def test_any_kind_of_voice_begins_a_network(source, tmp_path):
    if source == "ours":
        path = checkpoint(tmp_path / "voice", small_vits(), rate=22050)
    elif source == "piper":
        path = tmp_path / "voice.onnx"
        piper_voice(path, small_vits(), OUR_SYMBOLS)
    else:
        path = tmp_path / "voice"
        save_hf(path, small_vits(), Extra(SYMBOLS, 22050))
    config = start_config(path, tiny(n_speakers=3), 22050)
    assert {part: getattr(config, part) for part in VITS_PARTS} == VITS_PARTS and config.n_speakers == 3
    start = start_weights(path, config)
    keys = Synthesizer(config).load_state_dict(start.weights, strict=False)
    assert not keys.unexpected_keys and ("mel_mean" in start.weights) == (source == "ours")
    assert ("posterior.enter.weight" in start.weights) == (source != "piper")
    assert str(path) in start.report
    with pytest.raises(ValueError, match=r"speaks at 22050 Hz with hop 256.*audio asks for 16000 Hz"):
        start_config(path, tiny(), 16000)
    with pytest.raises(ValueError, match=r"other parts than this network: text_encoder relative, here rotary.*compact"):
        start_weights(path, tiny())


def test_a_voice_of_many_speakers_begins_as_its_first(tmp_path):
    speakers = {"ada": torch.randn(24), "bert": torch.randn(24)}
    source = dataclasses.replace(small_vits().config, speaker_size=24)
    torch.manual_seed(0)
    synthesizer = Synthesizer(source)
    with torch.no_grad():
        for parameter in synthesizer.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    piper_voice(tmp_path / "voice.onnx", synthesizer.eval(), OUR_SYMBOLS, speakers)
    config = start_config(tmp_path / "voice.onnx", tiny())
    assert config.speaker_size == 256
    begun = Synthesizer(config).eval()
    begun.load_state_dict(start_weights(tmp_path / "voice.onnx", config).weights, strict=False)
    synthesizer.text.languages.weight.data.zero_()
    synthesizer.text.stress.weight.data.zero_()
    ids = spread(*encode("həlˈoʊ.")).ids
    same(ours(begun, ids, torch.randn(256)), ours(synthesizer, ids, speakers["ada"]))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda path: None, FileNotFoundError, "is missing: a start is a folder of our own"),
        (lambda path: path.write_text("x"), ValueError, "nothing to start from"),
        (lambda path: path.mkdir(), FileNotFoundError, "config.json is missing: a start is"),
        (lambda path: hf_voice(path, **SMALL), ValueError, "shares no symbol with ours"),
    ],
)
def test_what_is_no_start_is_one_clear_error(make, error, words, tmp_path):
    make(tmp_path / "start")
    with pytest.raises(error, match=words):
        start_weights(tmp_path / "start", tiny())


def test_the_noise_of_the_tests_is_heard():
    """`ours` would compare nothing if its seed changed nothing."""
    synthesizer, ids = small_vits(), spread(*encode("həlˈoʊ")).ids
    waves = [ours(synthesizer, ids, None, 0.8, 0.667, seed) for seed in (0, 1)]
    assert waves[0].shape != waves[1].shape or (waves[0] - waves[1]).abs().max() > 1e-3
    assert math.isfinite(float(waves[0].sum()))
