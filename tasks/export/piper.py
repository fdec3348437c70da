"""Piper voices of the bundle's languages: one for each that espeak-ng, which reads for their clients, can read."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.records import FEATURES, read_rows

if TYPE_CHECKING:
    from voiceloom_model.nn.synthesizer import Synthesizer
    from voiceloom_model.runtime.bundle import Description

LANGUAGES = "languages.json"


def write_piper(
    synthesizer: Synthesizer, description: Description, features: Path, eight_bit: list[str], folder: Path
) -> int:
    """Write a voice for each language, and `languages.json`: its name, or why there is none. Returns how many.

    The layers in `eight_bit` are at 8 bits; none at all for a voice whose 8 bits were refused.
    """
    from voiceloom_model.export.espeak import espeak_voice
    from voiceloom_model.export.piper import export_piper

    weights = {name: synthesizer.get_parameter(f"{name}.weight").numpy() for name in eight_bit} or None
    heard, made = heard_symbols(features), {}
    for language in description.languages:
        try:
            espeak_voice(language, description.front_ends[language], heard[language])
        except ValueError as error:
            made[language] = {"refused": str(error)}
            continue
        path = export_piper(synthesizer, description, heard[language], folder, language, weights)
        made[language] = {"voice": path.stem}
    (folder / LANGUAGES).write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return sum("voice" in about for about in made.values())


def heard_symbols(features: Path) -> dict[str, set[str]]:
    """Language → the symbols of the phonemes that were trained on in it."""
    heard: defaultdict[str, set[str]] = defaultdict(set)
    for row in read_rows(features, FEATURES, ["split", "language", "phonemes"]):
        if row["split"] == "train":
            heard[row["language"]].update(row["phonemes"])
    return heard
