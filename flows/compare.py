"""`voiceloom compare`: two voices say the same sentences, on one page with players and scores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from flows.speak import find_bundle


class Asked(NamedTuple):
    """How many everyday sentences, or which file of sentences; the seed; whether they are listened to."""

    sentences: int = 12
    texts: Path | None = None
    seed: int = 7
    scores: bool = True


def compare(root: Path, names: tuple[str, str], output: Path, asked: Asked) -> Iterator[str]:
    """Write the page of two voices, each a folder, NAME@ALIAS or NAME/VERSION; yields what was found, in lines."""
    from tasks.compare import choose_texts, listen, speak
    from tasks.compare.page import render
    from tasks.params import load_params
    from voiceloom_model.runtime import Voice

    if not output.resolve().parent.is_dir():
        raise FileNotFoundError(f"the folder {output.parent} for {output.name} is not there")
    bundles = [find_bundle(root, name) for name in names]
    voices = [Voice.load(bundle) for bundle in bundles]
    language, texts = choose_texts(voices, root / "data" / "sentences", asked.sentences, asked.texts)
    sides = [
        speak(voice, bundle, name, language, texts, asked.seed)
        for voice, bundle, name in zip(voices, bundles, names, strict=True)
    ]
    for side in sides:
        side.report = _report(root, side.bundle_sha256)
    if asked.scores:
        listen(sides, voices, load_params(root / "params.yaml").evaluate.asr_model)
    output.write_text(render(sides, asked.seed), encoding="utf-8")
    for side in sides:
        errors, words = (sum(getattr(score, name) for score in side.scores) for name in ("word_errors", "words"))
        heard = f", word error rate {errors / words:.1%}" if words else ""
        yield f"{side.name}: {side.seconds:.1f} s, real-time factor {side.real_time_factor:.4f}{heard}"
    yield f"{output}: {len(texts)} sentences"


def _report(root: Path, bundle_sha256: str) -> dict:
    """The evaluation of a bundle: this project's, or the one in the registry; empty where it has none."""
    local = root / "reports" / "evaluation.json"
    if local.is_file():
        report = json.loads(local.read_text(encoding="utf-8"))
        if report.get("bundle_hash") == bundle_sha256:
            return report
    from tasks.register.registry import connect, no_registry_yet, one_sentence, read_report
    from tasks.register.versions import version_of_bundle

    if no_registry_yet(root):
        return {}
    client = connect(root)
    with one_sentence(root):
        version = version_of_bundle(client, bundle_sha256)
        return {} if version is None else read_report(str(version.run_id))
