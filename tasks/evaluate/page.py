"""`reports/evaluation.html`: scores, sounds and pictures in one file that needs nothing else."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tasks.audio import resample, to_flac
from tasks.evaluate.scoring import Score
from tasks.evaluate.spoken import Spoken
from voiceloom_model.features import MelConfig, log_mel, pad_to_frames

PAIRS, EVERYDAY, WORST = 8, 4, 10

#: What the table shows: the scores' names, what they are called, and whether they are shares.
ROWS = (
    ("wer", "Word error rate", True),
    ("cer", "Character error rate", True),
    ("similarity", "Speaker similarity (cosine)", False),
    ("dnsmos", "DNSMOS overall", False),
    ("dnsmos_p808", "DNSMOS P.808", False),
)


def render(
    report: Mapping,
    heard: Mapping[str, Sequence[Score]],
    spoken: Mapping[str, Sequence[Spoken]],
    mel: MelConfig,
) -> str:
    """The page of a report; `heard` and `spoken` hold the sets `voice`, `recordings` and `everyday`."""
    from jinja2 import Environment, FileSystemLoader

    pairs = list(zip(spoken["recordings"], spoken["voice"], heard["voice"], strict=True))
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    return templates.get_template("page.html.jinja").render(
        report=report,
        rows=[(label, [_cell(report[name], key, share) for name in heard]) for key, label, share in ROWS],
        pairs=[_pair(*three, mel) for three in pairs[:: -(-len(pairs) // PAIRS)]],
        everyday=[
            {"text": one.text, "heard": score.heard, "audio": _audio(one)}
            for one, score in list(zip(spoken["everyday"], heard["everyday"], strict=True))[:EVERYDAY]
        ],
        worst=sorted(heard["voice"], key=lambda score: (-score.wer, score.id))[:WORST],
    )


def _cell(scores: Mapping, key: str, share: bool) -> str:
    """A score as the table shows it, the interval beside an error rate of words."""
    value = scores[key]
    if value is None:
        return "–"
    if not share:
        return f"{value:.2f}"
    interval = f" ({scores['wer_low']:.1%} … {scores['wer_high']:.1%})" if key == "wer" else ""
    return f"{value:.1%}{interval}"


def _pair(recording: Spoken, synthetic: Spoken, score: Score, mel: MelConfig) -> dict:
    """A recording beside the voice saying the same."""
    return {
        "text": recording.text,
        "heard": score.heard,
        "recording": _audio(recording),
        "voice": _audio(synthetic),
        "picture": _inline("image/png", draw_mels((recording, synthetic), mel)),
    }


def _audio(spoken: Spoken) -> str:
    return _inline("audio/flac", to_flac(spoken.wave, spoken.sample_rate_hz))


def _inline(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def draw_mels(both: Sequence[Spoken], config: MelConfig) -> bytes:
    """The log mels of two utterances, one above the other on the same time axis, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 2.6), dpi=80, layout="constrained")
    mels = [_mel(spoken, config) for spoken in both]
    longest = max(mel.shape[1] for mel in mels)
    for row, (mel, label) in enumerate(zip(mels, ("recording", "voice"), strict=True), start=1):
        axes = figure.add_subplot(2, 1, row, ylabel=label, yticks=[], xlim=(0, longest), xticks=[])
        axes.imshow(mel, origin="lower", aspect="auto", cmap="magma", vmin=-11, vmax=2)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _mel(spoken: Spoken, config: MelConfig) -> np.ndarray:
    wave = resample(spoken.wave, spoken.sample_rate_hz, config.sample_rate_hz)
    return log_mel(pad_to_frames(wave.astype(np.float32), config), config)
