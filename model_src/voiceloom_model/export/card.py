"""MODEL_CARD.md: who is heard in a voice, on what terms, and what it should not be used for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voiceloom_model.runtime.bundle import Description


@dataclass(frozen=True)
class Source:
    """What a voice heard of one speaker in one corpus."""

    corpus: str
    speaker: str
    language: str
    licence: str
    consent_id: str
    utterances: int
    hours: float


#: What the card says of every decoder.
DECODERS = {
    "source": "a source-filter decoder:\npulses, at the pitch that the network says, and noise go through its filters",
    "istft": "an inverse-STFT decoder",
    "hifigan": "a HiFi-GAN decoder",
}

TEMPLATE = """# Voice: {name}

A text-to-speech voice made with Voiceloom: a VITS-class network with explicit durations and {decoder}.
It speaks {languages} at {sample_rate_hz} Hz, on any CPU, with numpy and ONNX Runtime.

```python
from voiceloom_model.runtime import Voice

samples = Voice.load("models/voice").say("Hello there.", seed=0)
```

## What it heard in training

| corpus | speaker | language | licence | consent | utterances | hours |
|---|---|---|---|---|---|---|
{rows}

The recordings are used under the licences above; name the corpora and the speakers wherever their licence
asks for attribution, and pass on a licence that asks for it (share-alike). Consents are kept under the
names above.

## What it holds

Precisions: {precisions}; it speaks with the first unless told otherwise. The fp32 graphs differ from PyTorch by at
most {tolerance:g}.
{int8}`contract.json` says what every graph takes
and gives.

{trial}

The speaker encoder is Resemblyzer's (GE2E, Apache-2.0), the English front end hibari's G2P (Apache-2.0).

## Limits

- It speaks best what resembles its training texts; the evaluation report has its scores on held-out
  texts beside the real recordings, and on everyday sentences.
- Words outside the front end's dictionary are guessed. Languages other than those above are refused.
- `clone` gives a speaker vector of anyone. Use it only with the consent of the person who is heard, and
  say that the speech is synthetic. Do not use the voice to deceive, or to speak in a person's name.
"""


def model_card(
    description: Description, sources: Sequence[Source], decoder: str, tolerance: float, kept: int, trial: str = ""
) -> str:
    """The card's text; `kept` layers stay float in the int8 graphs, `trial` says how its precisions compare."""
    int8 = (
        f"In the int8 graphs {kept} layers that 8 bits would harm stay float.\n"
        if kept and "int8" in description.precisions
        else ""
    )
    return TEMPLATE.format(
        name=", ".join(description.speakers),
        decoder=DECODERS[decoder],
        languages=", ".join(description.languages),
        sample_rate_hz=description.sample_rate_hz,
        rows="\n".join(_row(source) for source in sources),
        precisions=", ".join(description.precisions),
        tolerance=tolerance,
        int8=int8,
        trial=trial,
    )


def _row(source: Source) -> str:
    cells = (source.corpus, source.speaker, source.language, source.licence, source.consent_id)
    return f"| {' | '.join(cells)} | {source.utterances} | {source.hours:.2f} |"
