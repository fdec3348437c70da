"""Voiceloom's voice model: text to phonemes, the network, its training, and a runtime without torch."""

__version__ = "0.1.0"
