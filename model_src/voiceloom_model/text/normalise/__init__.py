"""Text as it is written to text as it is spoken: `normalise` leaves no digit behind."""

from voiceloom_model.text.normalise.engine import NORMALISER, normalise

__all__ = ["NORMALISER", "normalise"]
