"""The ear of a training run: what the voice says of held-out texts is scored as the finished one will be.

Audio and pictures of every hearing go to `media/STEP/` in the run's folder.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.audio import to_flac
from tasks.train.job import Job
from tasks.train.pictures import draw

if TYPE_CHECKING:
    from tasks.evaluate.judge import Judge
    from tasks.evaluate.spoken import Spoken as Heard
    from voiceloom_model.features import MelConfig
    from voiceloom_model.training.data import Utterance
    from voiceloom_model.training.listening import Spoken

LISTENER = "whisper-base"
MEDIA = "media"
#: What of an evaluation's summary is a curve of the training.
SCORES = ("wer", "similarity", "dnsmos")


@dataclass(frozen=True)
class Ear:
    """Listens to the same texts every time. `recordings` are of the utterances in `texts`, in their order."""

    judge: Judge
    recordings: Sequence[Heard]
    texts: Sequence[Utterance]
    mel: MelConfig
    folder: Path

    @classmethod
    def of(cls, job: Job, held_out: Sequence[Utterance], statistics: dict) -> Ear:
        """The ear of a run; raises `ValueError` where there is nothing to listen to."""
        from tasks.asr import Listener
        from tasks.evaluate.judge import Judge
        from tasks.evaluate.spoken import held_out as recordings_of
        from voiceloom_model.features import MelConfig

        by_id = {utterance.id: utterance for utterance in held_out}
        recordings = recordings_of(job.features, job.train.listen_sentences, list(statistics["speakers"]))
        recordings = [recording for recording in recordings if recording.id in by_id]
        judge = Judge(Listener(LISTENER, Path("runs") / "models"), recordings)
        texts = [by_id[recording.id] for recording in recordings]
        return cls(judge, recordings, texts, MelConfig(**job.audio.model_dump()), job.folder / MEDIA)

    def listening(self, log: Callable[[int, Path], None]) -> Callable[[int, list[Spoken]], dict[str, float]]:
        """A hook for the trainer; `log` is told of every step's folder of media."""

        def listen(step: int, spoken: list[Spoken]) -> dict[str, float]:
            folder = self.folder / f"{step:07d}"
            self._keep(folder, spoken)
            log(step, folder)
            return self._scores(spoken)

        return listen

    def _scores(self, spoken: Sequence[Spoken]) -> dict[str, float]:
        from tasks.evaluate.scoring import summarise

        heard = [self._heard(recording, one) for recording, one in zip(self.recordings, spoken, strict=True)]
        summary = summarise([self.judge.score(one, real=False) for one in heard], seed=0)
        values = {name: summary[name] for name in SCORES}
        return {name: math.nan if value is None else value for name, value in values.items()}

    def _heard(self, recording: Heard, spoken: Spoken) -> Heard:
        """What the voice says, as an evaluation takes it: no vector but that of its own sound."""
        from dataclasses import replace

        return replace(recording, wave=spoken.wave, sample_rate_hz=self.mel.sample_rate_hz, vector=None)

    def _keep(self, folder: Path, spoken: Sequence[Spoken]) -> None:
        """Sound and picture of each text."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, (recording, one) in enumerate(zip(self.recordings, spoken, strict=True), start=1):
            (folder / f"{number:02d}.flac").write_bytes(to_flac(one.wave, self.mel.sample_rate_hz))
            (folder / f"{number:02d}.png").write_bytes(draw(recording.text, one, self.mel))
