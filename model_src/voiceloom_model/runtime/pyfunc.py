"""The voice as an MLflow model: a row of text in, a row of audio out.

MLflow stores this file as the model's code and runs it on loading; the bundle is the artifact `voice`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class VoiceModel(PythonModel):
    """Speaks with a voice bundle; needs numpy and ONNX Runtime, never torch."""

    def load_context(self, context: Any) -> None:
        """Load and verify the bundle once, when the model is loaded."""
        from voiceloom_model.runtime import Voice

        self.voice = Voice.load(context.artifacts["voice"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Speak each row: `text`, and where given `speaker`, `language`, `speed` and `seed`.

        Returns a row each: `audio`, float32 samples (T,) between -1 and 1, and `sample_rate_hz`.
        """
        rows = [self._say(row) for row in model_input.to_dict("records")]
        return pd.DataFrame({"audio": rows, "sample_rate_hz": np.int64(self.voice.sample_rate_hz)})

    def _say(self, row: dict[str, Any]) -> np.ndarray:
        given = {name: value for name, value in row.items() if not pd.isna(value)}
        try:
            samples = self.voice.say(
                given.get("text", ""),
                speaker=given.get("speaker"),
                language=given.get("language"),
                speed=float(given.get("speed", 1.0)),
                seed=int(given.get("seed", 0)),
            )
        except ValueError as error:  # so that a server answers with the sentence, and not with a traceback
            raise MlflowException.invalid_parameter_value(str(error)) from error
        return np.asarray(samples, np.float32)


set_model(VoiceModel())
