"""Audio in and out: any codec → mono float32, resampling, loudness, and the FLAC that tables hold.

Letters: T samples. Waveforms are float32 (T,) with full scale at ±1. Recordings of hours pass block by block.
"""

from tasks.audio.decoding import Cancelled, decode, opened
from tasks.audio.ffmpeg import ffmpeg_path
from tasks.audio.formats import HEADERLESS, SUFFIXES
from tasks.audio.levels import (
    FlatTops,
    LevelMeter,
    LoudnessMeter,
    apply_gain,
    clipped_share,
    gain_to_target_db,
    loudness_lufs,
    normalise_loudness,
    peak_level_dbfs,
)
from tasks.audio.pcm import blocks_to_flac, from_flac, resample, resample_blocks, to_flac

__all__ = [
    "HEADERLESS",
    "SUFFIXES",
    "Cancelled",
    "FlatTops",
    "LevelMeter",
    "LoudnessMeter",
    "apply_gain",
    "blocks_to_flac",
    "clipped_share",
    "decode",
    "ffmpeg_path",
    "from_flac",
    "gain_to_target_db",
    "loudness_lufs",
    "normalise_loudness",
    "opened",
    "peak_level_dbfs",
    "resample",
    "resample_blocks",
    "to_flac",
]
