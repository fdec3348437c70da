"""DNSMOS (Reddy et al. 2022): how good speech would sound to listeners, estimated from 1 to 5."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

SAMPLE_RATE_HZ = 16000


def dnsmos(wave: np.ndarray) -> tuple[float, float]:
    """P.835 overall and P.808 quality of a waveform (T,) at 16 kHz; clips below 9 s are repeated."""
    scores = _networks()(np.clip(wave, -1.0, 1.0), SAMPLE_RATE_HZ, False)
    return float(scores["ovrl_mos"]), float(scores["p808_mos"])


@lru_cache(maxsize=1)
def _networks():
    """speechmos's DNSMOS on one thread, so that the sums do not depend on the machine's number of cores."""
    import onnxruntime
    from speechmos import dnsmos as package

    folder = Path(package.__file__).parent / "dnsmos_models"
    primary, p808 = str(folder / "sig_bak_ovr.onnx"), str(folder / "model_v8.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    networks = package.DNSMOS(primary, p808)
    networks.onnx_sess = onnxruntime.InferenceSession(primary, options)
    networks.p808_onnx_sess = onnxruntime.InferenceSession(p808, options)
    return networks
