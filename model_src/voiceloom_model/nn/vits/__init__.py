"""The parts of VITS as published (Kim et al. 2021), for voices that start from or go out as public checkpoints.

Weights are plain: weight normalisation is folded when a checkpoint is read. Every part is built from a `ModelConfig`
and keeps the tensor contract of its kind, channels-last.
"""
