"""What Hugging Face's `VitsModel` and the published VITS (so Piper, too) call the weights of our VITS parts."""

from __future__ import annotations

import re
from typing import NamedTuple


class Names(NamedTuple):
    """One module or parameter: `*` stands for an index, in the same order in all three."""

    ours: str
    huggingface: str
    published: str


def _below(prefixes: Names, rows: tuple[Names, ...]) -> tuple[Names, ...]:
    return tuple(Names(*(f"{prefix}.{name}" for prefix, name in zip(prefixes, row, strict=True))) for row in rows)


_SEPARABLE = (
    Names("depthwise.*", "convs_dilated.*", "convs_sep.*"),
    Names("pointwise.*", "convs_pointwise.*", "convs_1x1.*"),
    Names("depthwise_norms.*", "norms_1.*", "norms_1.*"),
    Names("pointwise_norms.*", "norms_2.*", "norms_2.*"),
)
_WAVENET = (
    Names("speaker", "cond_layer", "cond_layer"),
    Names("gates.*", "in_layers.*", "in_layers.*"),
    Names("leaves.*", "res_skip_layers.*", "res_skip_layers.*"),
)
_SPLINES = (
    Names("shift", "translate", "m"),
    Names("log_scale", "log_scale", "logs"),
    Names("enter", "conv_pre", "pre"),
    *_below(Names("convs", "conv_dds", "convs"), _SEPARABLE),
    Names("leave", "conv_proj", "proj"),
)
_TEXT_LAYERS = (
    Names("attention.queries", "attention.q_proj", "attn_layers.*.conv_q"),
    Names("attention.keys", "attention.k_proj", "attn_layers.*.conv_k"),
    Names("attention.values", "attention.v_proj", "attn_layers.*.conv_v"),
    Names("attention.out", "attention.out_proj", "attn_layers.*.conv_o"),
    Names("attention.relative_keys", "attention.emb_rel_k", "attn_layers.*.emb_rel_k"),
    Names("attention.relative_values", "attention.emb_rel_v", "attn_layers.*.emb_rel_v"),
    Names("attention_norm", "layer_norm", "norm_layers_1.*"),
    Names("feed_forward.enter", "feed_forward.conv_1", "ffn_layers.*.conv_1"),
    Names("feed_forward.leave", "feed_forward.conv_2", "ffn_layers.*.conv_2"),
    Names("feed_forward_norm", "final_layer_norm", "norm_layers_2.*"),
)
_DURATIONS = (
    Names("speaker", "cond", "cond"),
    Names("enter", "conv_pre", "pre"),
    *_below(Names("convs", "conv_dds", "convs"), _SEPARABLE),
    Names("leave", "conv_proj", "proj"),
    *_below(Names("flows.*", "flows.*", "flows.*"), _SPLINES),
    Names("posterior_enter", "post_conv_pre", "post_pre"),
    *_below(Names("posterior_convs", "post_conv_dds", "post_convs"), _SEPARABLE),
    Names("posterior_leave", "post_conv_proj", "post_proj"),
    *_below(Names("posterior_flows.*", "post_flows.*", "post_flows.*"), _SPLINES),
    Names("first", "conv_1", "conv_1"),
    Names("first_norm", "norm_1", "norm_1"),
    Names("second", "conv_2", "conv_2"),
    Names("second_norm", "norm_2", "norm_2"),
    Names("project", "proj", "proj"),
)
_DECODER = (
    Names("enter", "conv_pre", "conv_pre"),
    Names("speaker", "cond", "cond"),
    Names("upsamplers.*", "upsampler.*", "ups.*"),
    Names("resblocks.*.dilated.*", "resblocks.*.convs1.*", "resblocks.*.convs1.*"),
    Names("resblocks.*.plain.*", "resblocks.*.convs2.*", "resblocks.*.convs2.*"),
    Names("leave", "conv_post", "conv_post"),
)
_TABLE = {
    row.ours: row
    for row in (
        Names("text.symbols", "text_encoder.embed_tokens", "enc_p.emb"),
        *_below(Names("text.layers.*", "text_encoder.encoder.layers.*", "enc_p.encoder"), _TEXT_LAYERS),
        Names("prior.project", "text_encoder.project", "enc_p.proj"),
        *_below(Names("durations", "duration_predictor", "dp"), _DURATIONS),
        Names("posterior.enter", "posterior_encoder.conv_pre", "enc_q.pre"),
        *_below(Names("posterior.wavenet", "posterior_encoder.wavenet", "enc_q.enc"), _WAVENET),
        Names("posterior.leave", "posterior_encoder.conv_proj", "enc_q.proj"),
        Names("flow.couplings.*.enter", "flow.flows.*.conv_pre", "flow.flows.*.pre"),
        *_below(Names("flow.couplings.*.wavenet", "flow.flows.*.wavenet", "flow.flows.*.enc"), _WAVENET),
        Names("flow.couplings.*.leave", "flow.flows.*.conv_post", "flow.flows.*.post"),
        *_below(Names("decoder", "decoder", "dec"), _DECODER),
    )
}
_LEAVES = ("weight", "bias")
_INDEX = re.compile(r"(?<=\.)\d+(?=\.|$)")


def huggingface_name(ours: str) -> str | None:
    """The name of one of our weights in a `VitsModel`, weight normalisation folded; None for what it lacks."""
    return _named(ours, "huggingface")


def published_name(ours: str) -> str | None:
    """The name of one of our weights in the published VITS, weight normalisation folded; None for what it lacks.

    There, a flow's steps stand in one list with the reversals of channels between them.
    """
    name = _named(ours, "published")
    if name is None:
        return None
    step = re.search(r"flows\.(\d+)", name)
    if step:
        after_first = 1 if name.startswith("dp.") else 0  # an affine flow, which no reversal follows
        place = max(2 * int(step[1]) - after_first, 0)
        name = name.replace(step[0], f"flows.{place}", 1)
    if "norm" in name:
        name = name.replace(".weight", ".gamma").replace(".bias", ".beta")
    return name


def _named(ours: str, source: str) -> str | None:
    path, _, leaf = ours.rpartition(".")
    path, ending = (path, f".{leaf}") if leaf in _LEAVES else (ours, "")
    row = _TABLE.get(_INDEX.sub("*", path))
    if row is None:
        return None
    indices = iter(_INDEX.findall(path))
    return re.sub(r"\*", lambda _: next(indices), getattr(row, source)) + ending
