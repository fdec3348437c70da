"""Speaking from a voice bundle with numpy and ONNX Runtime; never imports torch."""

from voiceloom_model.runtime.voice import Voice

__all__ = ["Voice"]
