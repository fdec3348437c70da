"""The paired test: every precision says the same lines as fp32 with its noise and its durations, and is listened to.

What is not smaller and faster than fp32 is of no use and is refused unheard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.export.paired import Hearing, averages, compare, doubts, heard_alike, reasons
from tasks.params import ExportParams

if TYPE_CHECKING:
    from tasks.export.listening import Ear, Stretch
    from tasks.export.voices import Passage
    from voiceloom_model.runtime.network import Network

SPEED_LINES = 4


@dataclass(frozen=True)
class Candidate:
    """A voice at fewer bits, the files it consists of, and the float voice that it should be faster than."""

    name: str
    voice: Network
    path: Path
    float_voice: Network


@dataclass(frozen=True)
class Trial:
    """Judges candidates against the fp32 graphs, `reference`, whose files are at `path`."""

    reference: Network
    path: Path
    passages: Sequence[Passage]
    stretches: Sequence[Stretch]
    ear: Ear
    export: ExportParams

    def hold(self, candidates: Sequence[Candidate]) -> dict[str, Any]:
        """The report: what was tested, how fp32 was heard, and every candidate's verdict."""
        useful = {candidate.name: self._of_use(candidate) for candidate in candidates}
        worth_hearing = any(all(found.values()) for found in useful.values())
        exact = self.ear.hear(self.reference, self.stretches, "fp32") if worth_hearing else []
        return {
            "lines": len(self.passages),
            "stretches": len(self.stretches),
            "asr_model": self.export.asr_model,
            "fp32": averages(exact) if exact else None,
            "candidates": {
                candidate.name: self._verdict(candidate, useful[candidate.name], exact) for candidate in candidates
            },
        }

    def _of_use(self, candidate: Candidate) -> dict[str, bool]:
        from tasks.export.pace import faster, smaller

        return {
            "smaller": smaller(self.path, candidate.path),
            "faster": faster(candidate.float_voice, candidate.voice, self.passages[:SPEED_LINES]),
        }

    def _verdict(self, candidate: Candidate, of_use: dict[str, bool], exact: Sequence[Hearing]) -> dict[str, Any]:
        """What was found of a candidate, whether it passes, and why not."""
        useless = [f"it is not {word} than float32" for word, true in of_use.items() if not true]
        heard: dict[str, Any] = {}
        harm = []
        if not useless:
            hearings = self.ear.hear(candidate.voice, self.stretches, candidate.name)
            losses = compare(exact, hearings, self.export)
            harm = reasons(losses)
            heard = averages(hearings) | {
                "heard_alike": round(heard_alike(exact, hearings), 4),
                "durations_kept": round(self._durations_kept(candidate.voice), 4),
                "loss": {name: loss.to_dict() for name, loss in losses.items()},
                "harm_not_excluded": doubts(losses),
            }
        return {**of_use, **heard, "passes": not (useless or harm), "refused_because": [*useless, *harm]}

    def _durations_kept(self, voice: Network) -> float:
        kept = [passage.kept_durations(voice) for passage in self.passages]
        return sum(kept) / len(kept)
