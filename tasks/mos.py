"""DNSMOS (Reddy et al. 2022): how good speech would sound to listeners, estimated from 1 to 5."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np

SAMPLE_RATE_HZ = 16000


def dnsmos(wave: np.ndarray) -> tuple[float, float]:
    """P.835 overall and P.808 quality of a waveform (T,) at 16 kHz; clips below 9 s are repeated."""
    scores = _networks()(np.clip(wave, -1.0, 1.0), SAMPLE_RATE_HZ, False)
    return float(scores["ovrl_mos"]), float(scores["p808_mos"])


@lru_cache(maxsize=1)
def weights_hash() -> str:
    """SHA-256 of the two networks."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in _paths())).hexdigest()


def _paths() -> tuple[Path, Path]:
    """The P.835 and the P.808 network inside the `speechmos` package, found without importing it."""
    spec = importlib.util.find_spec("speechmos")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("DNSMOS needs the Python package speechmos, which is not installed")
    folder = Path(spec.origin).parent / "dnsmos_models"
    return folder / "sig_bak_ovr.onnx", folder / "model_v8.onnx"


@lru_cache(maxsize=1)
def _networks():
    """speechmos's DNSMOS on one thread, so that the sums do not depend on the machine's number of cores."""
    import onnxruntime
    from speechmos import dnsmos as package

    primary, p808 = map(str, _paths())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    networks = package.DNSMOS(primary, p808)
    networks.onnx_sess = onnxruntime.InferenceSession(primary, options)
    networks.p808_onnx_sess = onnxruntime.InferenceSession(p808, options)
    return networks
