"""What ships is what is scored: the voice bundle speaks held-out texts and everyday sentences, and is listened to.

Reads models/voice, the test split of data/features and data/sentences; writes reports/evaluation.json and
.html. The real recordings of the same texts are scored the same way. Exact speeds and three spoken samples go
to `runs/`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.params import AudioParams, EvaluateParams, GateParams
from tasks.progress import progress
from tasks.stage import Metrics, Stage

if TYPE_CHECKING:
    from tasks.evaluate.scoring import Score
    from tasks.evaluate.spoken import Spoken
    from voiceloom_model.runtime import Voice

STAGE = Stage(
    deps={"sentences": "data/sentences", "voice": "models/voice", "features": "data/features"},
    outs={"evaluation": "reports/evaluation.json", "page": "reports/evaluation.html"},
    params=("evaluate", "audio", "gate"),
    code=("tasks/evaluate", "tasks/asr.py", "tasks/mos.py", "model_src/voiceloom_model/runtime"),
)
#: What is scored, and what its members are called.
SETS = {"voice": "utterances", "recordings": "utterances", "everyday": "sentences"}
RUNS = Path("runs")
SPEED_TEXTS = 5
#: Utterances scored at a time, each on one thread, so that no figure depends on the machine's number of cores.
AT_ONCE = 2
SAMPLES = 3


def run(
    *,
    sentences: Path,
    voice: Path,
    features: Path,
    evaluation: Path,
    page: Path,
    evaluate: EvaluateParams,
    audio: AudioParams,
    gate: GateParams,
) -> Metrics:
    """Score the bundle at the precision that ships, beside the real recordings."""
    from tasks.evaluate.page import render
    from tasks.evaluate.speed import measure_speed
    from voiceloom_model.features import MelConfig
    from voiceloom_model.runtime import Voice

    speaker = Voice.load(voice, precision=evaluate.precision)
    spoken = _speak(speaker, features, sentences, evaluate)
    speed = measure_speed(speaker, [one.text for one in spoken["recordings"][:SPEED_TEXTS]])
    scores = _listen(spoken, evaluate)
    report: dict = _report(voice, speaker.precision, scores, evaluate)
    report["speed_passed"] = speed["rtf"] <= gate.max_rtf
    evaluation.write_text(json.dumps(report, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    page.write_text(render(report, scores, spoken, MelConfig(**audio.model_dump())), encoding="utf-8")
    _leave_behind(spoken, speed)
    return {f"{name}_{key}": value for name in SETS for key, value in report[name].items() if value is not None}


def _speak(voice: Voice, features: Path, sentences: Path, evaluate: EvaluateParams) -> dict[str, list[Spoken]]:
    """Everything there is to hear, by set."""
    from tasks.evaluate.spoken import everyday, held_out, respoken

    recordings = held_out(features, evaluate.max_utterances, voice.speakers)
    return {
        "voice": [respoken(recording, voice, evaluate.seed) for recording in recordings],
        "recordings": recordings,
        "everyday": everyday(sentences, evaluate.everyday_sentences, voice, evaluate.seed),
    }


def _listen(spoken: Mapping[str, Sequence[Spoken]], evaluate: EvaluateParams) -> dict[str, list[Score]]:
    """The scores of every utterance, by set."""
    from tasks.asr import Listener
    from tasks.evaluate.judge import Judge

    judge = Judge(Listener(evaluate.asr_model, RUNS / "models", AT_ONCE), spoken["recordings"])
    scores: dict[str, list[Score]] = {name: [] for name in spoken}
    total = sum(map(len, spoken.values()))
    with ThreadPoolExecutor(AT_ONCE) as pool, progress("evaluate", total) as advance:
        for name, several in spoken.items():
            for score in pool.map(partial(judge.score, real=name == "recordings"), several):
                scores[name].append(score)
                advance(1)
    return scores


def _report(voice: Path, precision: str, scores: Mapping[str, Sequence[Score]], evaluate: EvaluateParams) -> dict:
    """`evaluation.json`, but for the speed."""
    from tasks.evaluate.scoring import summarise
    from voiceloom_model.runtime.bundle import bundle_sha256, speaking_bytes

    sets = {name: summarise(several, evaluate.seed) | {SETS[name]: len(several)} for name, several in scores.items()}
    return {
        "bundle_hash": bundle_sha256(voice),
        "precision": precision,
        "asr_model": evaluate.asr_model,
        **sets,
        "size_mb": round(speaking_bytes(voice, precision) / 1e6, 2),
        "sentences": [_measured(score) for score in scores["voice"]],
        "heard": {name: [_heard(score) for score in several] for name, several in scores.items()},
    }


def _measured(score: Score) -> dict[str, str | int | float | None]:
    """One held-out sentence in numbers: what the gate compares a voice with the next by."""
    return {
        "id": score.id,
        "errors": score.word_errors,
        "words": score.words,
        "similarity": None if score.similarity is None else round(score.similarity, 4),
        "dnsmos": round(score.dnsmos, 4),
    }


def _heard(score: Score) -> dict[str, str]:
    """One utterance in the report; its errors are no number, for the numbers of a report are the voice's scores."""
    errors = f"{score.word_errors} of {score.words}"
    return {"id": score.id, "text": score.text, "heard": score.heard, "word_errors": errors}


def _leave_behind(spoken: Mapping[str, Sequence[Spoken]], speed: dict[str, float]) -> None:
    """This machine's speeds, and samples to listen to, in `runs/`."""
    import soundfile

    folder = RUNS / "samples"
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate([*spoken["everyday"], *spoken["voice"]][:SAMPLES], start=1):
        soundfile.write(folder / f"sample-{number}.wav", one.wave, one.sample_rate_hz)
    (RUNS / "evaluation_speed.json").write_text(json.dumps(speed, indent=1) + "\n", encoding="utf-8")
