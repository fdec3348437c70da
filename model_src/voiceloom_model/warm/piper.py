"""A Piper voice read: its ONNX graph's weights by name, its sizes by their shapes and the graph's own attributes.

An exported graph speaks and no more: the posterior encoder and the training half of the durations are not in it. They
begin as in a new network.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from torch import Tensor

from voiceloom_model.config import VITS_PARTS, ModelConfig
from voiceloom_model.text.languages import N_LANGUAGES
from voiceloom_model.warm.files import present, read_json
from voiceloom_model.warm.names import published_name
from voiceloom_model.warm.piper_graph import Graph, read_graph
from voiceloom_model.warm.published import PROJECTIONS, Extra, Published, assembled, first_of, with_our_symbols

#: The first spline of the durations is left out when speaking, so an export does not hold it.
_NEVER_EXPORTED = ("posterior.", "durations.posterior_", "durations.flows.1.")
_WHOLE = "a Piper voice is NAME.onnx and NAME.onnx.json"


def load_piper(path: str | Path) -> Published:
    """Read a Piper voice, `NAME.onnx` beside `NAME.onnx.json`; it then reads our symbols, in the spread layout.

    Raises `FileNotFoundError` or `ValueError` for what is no whole Piper voice.
    """
    path = Path(path)
    present(path, _WHOLE)
    about, graph = _read_description(path), read_graph(path)
    config = _model_config(graph, path)
    inference, speakers = about.get("inference", {}), graph.weights.get("emb_g.weight")
    may_lack = (*_NEVER_EXPORTED, *((PROJECTIONS,) if speakers is None else ()))
    weights, fresh = assembled(config, partial(_found, graph.weights), str(path), may_lack)
    if left := graph.weights.keys() - {_name_in(graph.weights, name) for name in weights} - {"emb_g.weight"}:
        raise ValueError(f"{path} is no whole graph of a Piper voice: nothing takes {first_of(sorted(left))}")
    extra = Extra(
        symbols={symbol: ids[0] for symbol, ids in about["phoneme_id_map"].items() if len(ids) == 1},
        sample_rate_hz=about["audio"]["sample_rate"],
        noise_scale=inference.get("noise_scale", 0.667),
        duration_noise_scale=inference.get("noise_w", 0.8),
        language=_language(about),
        speakers={} if speakers is None else _by_name(speakers, about.get("speaker_id_map") or {}),
        fresh=fresh,
    )
    return with_our_symbols(Published(config, weights, extra))


def _read_description(path: Path) -> dict:
    beside = path.with_name(f"{path.name}.json")
    about = read_json(beside, _WHOLE)
    if "phoneme_id_map" not in about or "sample_rate" not in about.get("audio", {}):
        raise ValueError(f"{beside} describes no Piper voice: it lacks phoneme_id_map or audio.sample_rate")
    return about


def _language(about: Mapping) -> str:
    """Its BCP 47 tag: of its language, or as its espeak voice says."""
    code = (about.get("language") or {}).get("code") or (about.get("espeak") or {}).get("voice") or "und"
    base, *region = code.replace("_", "-").split("-")
    return "-".join([base, *(part.upper() if len(part) == 2 else part for part in region)])


def _by_name(table: Tensor, ids: Mapping[str, int]) -> dict[str, Tensor]:
    names = {index: name for name, index in ids.items()}
    return {names.get(index, str(index)): row for index, row in enumerate(table)}


def _found(weights: Mapping[str, Tensor], ours: str) -> Tensor | None:
    return weights.get(_name_in(weights, ours) or "")


def _name_in(weights: Mapping[str, Tensor], ours: str) -> str | None:
    """Piper's lighter residual blocks have one list of convolutions, without a number."""
    name = published_name(ours)
    return name if name is None or name in weights else name.replace(".convs1.", ".convs.")


def _model_config(graph: Graph, path: Path) -> ModelConfig:
    try:
        sizes = {**_text_sizes(graph), **_flow_sizes(graph), **_duration_sizes(graph), **_decoder_sizes(graph)}
        hidden = graph.size("enc_p.emb.weight", 1)
        widths = {
            "n_symbols": graph.size("enc_p.emb.weight", 0),
            "n_languages": N_LANGUAGES,
            "hop_length": math.prod(sizes["upsample_rates"]),
            "hidden": hidden,
            "latent": graph.size("enc_p.proj.weight", 0) // 2,
            "text_heads": hidden // graph.size("enc_p.encoder.attn_layers.0.emb_rel_k", -1),
            "flow_couplings": graph.count(r"flow\.flows\.(\d+)\.pre"),
            "duration": "stochastic" if "dp.pre.weight" in graph.weights else "convolutional",
        }
        if "emb_g.weight" in graph.weights:
            widths["speaker_size"] = graph.size("emb_g.weight", 1)
        return ModelConfig.from_dict({**VITS_PARTS, **widths, "vits": sizes})
    except (KeyError, ZeroDivisionError) as error:
        raise ValueError(f"{path} is no graph of a Piper voice: it has no weight {error}") from error


def _text_sizes(graph: Graph) -> dict:
    ffn = "enc_p.encoder.ffn_layers.0.conv_1.weight"
    return {
        "text_layers": graph.count(r"enc_p\.encoder\.attn_layers\.(\d+)\."),
        "text_window": graph.size("enc_p.encoder.attn_layers.0.emb_rel_k", -2) // 2,
        "text_ffn": graph.size(ffn, 0),
        "text_ffn_kernel": graph.size(ffn, -1),
    }


def _flow_sizes(graph: Graph) -> dict:
    second = graph.attributes.get("flow.flows.0.enc.in_layers.1.weight", {})
    return {
        "flow_layers": graph.count(r"flow\.flows\.0\.enc\.in_layers\.(\d+)\."),
        "wavenet_kernel": graph.size("flow.flows.0.enc.in_layers.0.weight", -1),
        "wavenet_dilation_rate": second.get("dilations", [1])[0],
    }


def _duration_sizes(graph: Graph) -> dict:
    if "dp.pre.weight" not in graph.weights:
        channels, _, kernel = graph.weights["dp.conv_1.weight"].shape
        return {"duration_channels": channels, "duration_kernel": kernel}
    splines = [name for name in graph.weights if re.match(r"dp\.flows\.\d+\.proj\.weight", name)]
    return {
        "duration_kernel": graph.size("dp.convs.convs_sep.0.weight", -1),
        "duration_flows": len({"dp.flows.1.proj.weight", *splines}),
        "duration_bins": (graph.size(splines[0], 0) + 1) // 3 if splines else 10,
    }


def _decoder_sizes(graph: Graph) -> dict:
    ups = [f"dec.ups.{index}.weight" for index in range(graph.count(r"dec\.ups\.(\d+)\.weight"))]
    at_once = graph.count(r"dec\.resblocks\.(\d+)\.") // len(ups)
    second = "dec.resblocks.0.convs2.0.weight" in graph.weights
    blocks = [f"dec.resblocks.{index}.{'convs1' if second else 'convs'}" for index in range(at_once)]
    counts = [graph.count(rf"{re.escape(block)}\.(\d+)\.weight") for block in blocks]
    return {
        "upsample_rates": [graph.attributes[name]["strides"][0] for name in ups],
        "upsample_kernels": [graph.size(name, -1) for name in ups],
        "upsample_channels": graph.size("dec.conv_pre.weight", 0),
        "resblock": 1 if second else 2,
        "resblock_kernels": [graph.size(f"{block}.0.weight", -1) for block in blocks],
        "resblock_dilations": [
            [graph.attributes[f"{block}.{index}.weight"]["dilations"][0] for index in range(count)]
            for block, count in zip(blocks, counts, strict=True)
        ],
    }
