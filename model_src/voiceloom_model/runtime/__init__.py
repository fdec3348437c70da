"""Speaking from a voice bundle with numpy and ONNX Runtime; never imports torch."""

from voiceloom_model.runtime.speech import Speech, Timed
from voiceloom_model.runtime.voice import Voice

__all__ = ["Speech", "Timed", "Voice"]
