"""Which frames belong to which token: monotonic search, and the flat start that gives it something to search."""

from voiceloom_model.alignment.flat_start import align
from voiceloom_model.alignment.search import search
from voiceloom_model.alignment.tensors import search_tensors

__all__ = ["align", "search", "search_tensors"]
