"""A tiny voice and a few made-up utterances, shared by the tests of the model."""

import pytest
import torch
from made_up import make_utterance

from voiceloom_model.config import model_config
from voiceloom_model.nn.synthesizer import Synthesizer


@pytest.fixture
def config():
    return model_config("tiny", n_symbols=40, n_languages=4, dropout=0.0)


@pytest.fixture
def synthesizer(config):
    torch.manual_seed(0)
    return Synthesizer(config)


@pytest.fixture
def utterances():
    return [make_utterance(index, 6 + index, 50 + 9 * index) for index in range(6)]
