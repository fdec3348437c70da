"""The processes that train together, and this one's place among them."""

from __future__ import annotations

import logging
import os
import warnings
from typing import Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy


def join(precision: Literal["32-true", "bf16-mixed"]) -> Fabric:
    """This process on one device; among all that torchrun started, on one machine or many, if it did.

    Raises `ValueError` when this machine has fewer GPUs than processes.
    """
    world, here = (int(os.environ.get(name, "1")) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    gpus = torch.cuda.device_count()
    if 0 < gpus < here:
        raise ValueError(f"{here} processes need a GPU each, and this machine has {gpus}")
    # What is no parameter never changes and need not be sent before every step. Torch 2.13 would have this said by
    # another name, which older ones do not know.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*broadcast_buffers.* is deprecated")
    strategy = DDPStrategy(broadcast_buffers=False) if world > 1 else "auto"
    accelerator = "cuda" if gpus else "cpu"
    fabric = Fabric(
        accelerator=accelerator, devices=here, num_nodes=world // here, strategy=strategy, precision=precision
    )
    fabric.launch()
    return fabric
