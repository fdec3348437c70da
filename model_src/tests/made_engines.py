"""A TensorRT that is none: a builder of nothing, engines whose work ONNX Runtime does, memory that is the host's.

It answers as the real one does where that matters: shapes and addresses must be given before the work, an output's
shape follows from the inputs', a profile has limits, and what is refused is False or None, not an exception.
"""

import ctypes
import operator
from enum import Enum
from types import SimpleNamespace

import numpy as np
import onnxruntime

TYPES = {"tensor(int64)": np.int64, "tensor(float)": np.float32, "tensor(float16)": np.float16}


class Mode(Enum):
    INPUT = 0
    OUTPUT = 1


class Logger:
    ERROR = 1

    def __init__(self):
        pass


class Builder:
    """Builds nothing, but remembers what it was asked, and times what no timing cache tells it."""

    def __init__(self, logger):
        self.asked = []

    def create_network(self, flags):
        return SimpleNamespace(num_inputs=1, get_input=lambda index: FREE_TOKENS, flags=flags)

    def create_builder_config(self):
        return Config()

    def create_optimization_profile(self):
        return Profile()

    def build_serialized_network(self, network, config):
        self.asked.append(config)
        config.timed = not config.cache.content
        config.cache.content = b"timed"
        return b"engine"


class Config:
    def __init__(self):
        self.profiles, self.cleared = [], []

    def clear_flag(self, flag):
        self.cleared.append(flag)

    def add_optimization_profile(self, profile):
        self.profiles.append(profile.shapes)
        return len(self.profiles) - 1

    def create_timing_cache(self, content):
        return SimpleNamespace(content=content, serialize=lambda: b"kept")

    def set_timing_cache(self, cache, ignore_mismatch):
        self.cache = cache

    def get_timing_cache(self):
        return self.cache


class Profile:
    def __init__(self):
        self.shapes = {}

    def set_shape(self, name, *shapes):
        self.shapes[name] = shapes


FREE_TOKENS = SimpleNamespace(name="tokens", shape=(1, -1), get_dimension_name=[None, "tokens"].__getitem__)
LIBRARY = SimpleNamespace(
    __name__="tensorrt",
    __version__="1.2.3",
    TensorIOMode=Mode,
    nptype=lambda kind: kind,
    ILogger=Logger,
    Builder=Builder,
    BuilderFlag=SimpleNamespace(TF32="tf32"),
    NetworkDefinitionCreationFlag=SimpleNamespace(STRONGLY_TYPED=1),
    OnnxParser=lambda network, logger: SimpleNamespace(parse_from_file=lambda path: True),
)


class HostBuffers:
    """`Buffers` in the memory of the host; everything is done at once."""

    stream = 7

    def __init__(self):
        self.held = {}

    def hold(self, name, size):
        if len(self.held.get(name, b"")) < size:
            self.held[name] = ctypes.create_string_buffer(b"\xff" * size, size)
        return ctypes.addressof(self.held[name])

    def upload(self, name, array):
        address = self.hold(name, array.nbytes)
        ctypes.memmove(address, array.ctypes.data, array.nbytes)
        return address

    def download(self, name, array):
        ctypes.memmove(array.ctypes.data, self.held[name], array.nbytes)

    def wait(self):
        pass

    def close(self):
        self.held.clear()


class Engine:
    """An engine of an ONNX graph; `profiles` give the most "tokens" and "frames".

    `hop` turns frames into samples; an axis that has no such name in the graph is a batch of one.
    """

    def __init__(self, graph, profiles, hop=256):
        self.session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        self.profiles, self.hop = profiles, hop
        self.inputs = {entry.name: entry for entry in self.session.get_inputs()}
        self.entries = {**self.inputs, **{entry.name: entry for entry in self.session.get_outputs()}}
        self.num_io_tensors, self.num_optimization_profiles = len(self.entries), len(profiles)

    def get_tensor_name(self, index):
        return list(self.entries)[index]

    def get_tensor_mode(self, name):
        return Mode.INPUT if name in self.inputs else Mode.OUTPUT

    def get_tensor_dtype(self, name):
        return TYPES[self.entries[name].type]

    def get_tensor_shape(self, name):
        return [size if isinstance(size, int) else -1 for size in self.entries[name].shape]

    def get_tensor_profile_shape(self, name, index):
        assert -1 in self.get_tensor_shape(name), "a profile says nothing of it"
        return self.limits(name, index)

    def limits(self, name, index):
        known = self.sizes(self.profiles[index])
        most = [known.get(size, size) for size in self.entries[name].shape]
        return [[1] * len(most), most, most]

    def sizes(self, known):
        """With samples where frames are known."""
        return {**known, "samples": known.get("frames", 0) * self.hop}

    def create_execution_context(self):
        return Context(self)


class Context:
    """Runs the engine between addresses."""

    def __init__(self, engine):
        self.engine, self.profile = engine, None
        self.shapes, self.addresses = {}, {}

    def set_optimization_profile_async(self, index, stream):
        self.profile = index
        return stream == HostBuffers.stream

    def set_input_shape(self, name, shape):
        most = self.engine.limits(name, self.profile)[2]
        self.shapes[name] = tuple(shape)
        return len(shape) == len(most) and all(map(operator.le, shape, most))

    def set_tensor_address(self, name, address):
        self.addresses[name] = address
        return bool(address)

    def get_tensor_shape(self, name):
        assert set(self.shapes) == set(self.engine.inputs), "TensorRT would answer -1"
        known = {
            axis: size
            for given, shape in self.shapes.items()
            for axis, size in zip(self.engine.entries[given].shape, shape, strict=True)
        }
        known = self.engine.sizes(known)
        shape = self.engine.entries[name].shape
        return [known.get(axis, 1) if isinstance(axis, str) else axis for axis in shape]

    def execute_async_v3(self, stream):
        feeds = {name: self._array(name, shape).copy() for name, shape in self.shapes.items()}
        outputs = self.engine.session.run(None, feeds)
        for entry, value in zip(self.engine.session.get_outputs(), outputs, strict=True):
            self._array(entry.name, value.shape)[...] = value
        return stream == HostBuffers.stream

    def _array(self, name, shape):
        kind = np.dtype(self.engine.get_tensor_dtype(name))
        memory = (ctypes.c_char * (kind.itemsize * int(np.prod(shape)))).from_address(self.addresses[name])
        return np.frombuffer(memory, kind).reshape(shape)
