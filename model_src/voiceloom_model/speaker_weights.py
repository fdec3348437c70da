"""Where the speaker encoder's weights lie and what their hash is, found without importing torch."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path


def weights_path() -> Path:
    """Resemblyzer's checkpoint; `FileNotFoundError` when the package is not installed."""
    spec = importlib.util.find_spec("resemblyzer")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    paths = [Path(folder) / "pretrained.pt" for folder in folders]
    if not paths or not paths[0].is_file():
        raise FileNotFoundError("the speaker encoder's weights are missing: pip install --no-deps Resemblyzer==0.1.4")
    return paths[0]


@lru_cache(maxsize=1)
def weights_hash() -> str:
    """The blake2b hash of the weights' file."""
    return hashlib.blake2b(weights_path().read_bytes(), digest_size=16).hexdigest()
