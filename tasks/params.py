"""`params.yaml`, parsed once into frozen models: unknown keys, wrong units and hops that do not divide stop here."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Literal, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
Factor = Annotated[float, Field(ge=0.5, le=2)]
#: Corpora that list their recordings, and those whose recordings have something beside them that says more.
Manifest = Literal[
    "lhotse", "kaldi", "commonvoice", "vctk", "festvox", "asterisk", "huggingface", "audiofolder", "ljspeech"
]
Labels = Literal["textgrid", "subtitles", "audacity", "book"]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Section(BaseModel):
    """A part of `params.yaml`: frozen, and no key beyond the declared ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DebianSource(Section):
    """Debian packages, downloaded by apt and unpacked without being installed."""

    kind: Literal["debian"]
    packages: list[str] = Field(min_length=1)
    sha256: Sha256 | None = None


class UrlSource(Section):
    """An archive or a single file behind a URL (http, https, file)."""

    kind: Literal["url"]
    url: str
    sha256: Sha256


class FolderSource(Section):
    """A folder on this machine; `sha256` is its content's, so that a changed file makes the DAG stale."""

    kind: Literal["folder"]
    path: str
    sha256: Sha256 | None = None


class TeacherSource(Section):
    """Synthetic speech: a packaged voice reads `sentences` texts from Debian packages, whose content has `sha256`."""

    kind: Literal["teacher"]
    voice: Literal["hibari"]
    packages: list[str] = Field(min_length=1)
    sentences: int = Field(ge=1)
    sha256: Sha256 | None = None


_SOURCES = {"debian": DebianSource, "url": UrlSource, "folder": FolderSource, "teacher": TeacherSource}


class Corpus(Section):
    """One corpus: where it comes from, how to read it, and under which terms it may be used.

    `variants` are virtual speakers: for each factor, a copy of the recordings (of `variant_share` of them) played so
    many times as fast, which moves pitch, formants and tempo together, under the name `SPEAKER~FACTOR`.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    source: DebianSource | UrlSource | FolderSource | TeacherSource = Field(discriminator="kind")
    reader: Literal["auto", Manifest, Labels, "sidecar", "folder"] = "auto"
    speaker: str = Field(min_length=1)
    language: str = Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$")
    licence: str = Field(min_length=1)
    variants: list[Factor] = []
    variant_share: Share = 1.0

    @model_validator(mode="after")
    def _consistent(self) -> Corpus:
        if 1.0 in self.variants or len(set(self.variants)) < len(self.variants):
            raise ValueError(f"variants must differ from 1 and from each other, found {self.variants}")
        return self


class AudioParams(Section):
    """The sampled world every stage shares."""

    sample_rate_hz: int = Field(ge=8000, le=48000)
    n_fft: int = Field(ge=64)
    hop_length: int = Field(ge=16)
    n_mels: int = Field(ge=8)
    f_min_hz: float = Field(ge=0)
    f_max_hz: float = Field(gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> AudioParams:
        if self.n_fft % self.hop_length:
            raise ValueError(
                f"hop_length {self.hop_length} does not divide n_fft {self.n_fft}; frames must overlap evenly"
            )
        if not self.f_min_hz < self.f_max_hz <= self.sample_rate_hz / 2:
            raise ValueError(
                f"f_max_hz {self.f_max_hz} must lie above f_min_hz {self.f_min_hz} "
                f"and at most at half the sample rate, {self.sample_rate_hz / 2}"
            )
        return self


class RecordsParams(Section):
    """How tables are laid out on disk."""

    shards: int = Field(ge=1, le=4096)


class IngestParams(Section):
    """What a recording must be to be taken in."""

    loudness_lufs: float = Field(ge=-60, le=-5)
    silence_dbfs: float = Field(ge=-120, le=0)
    max_duration_s: float = Field(gt=0)
    max_error_rate: Share


class SegmentParams(Section):
    """How recordings become utterances. `asr_model` listens where the corpus has no text, no times, or a book."""

    vad_threshold: Share
    padding_s: float = Field(ge=0, le=1)
    min_duration_s: float = Field(gt=0)
    max_duration_s: float = Field(gt=0)
    asr_model: str = Field(min_length=1)
    held_out_share: Share
    held_out_min_words: int = Field(ge=1)
    max_error_rate: Share

    @model_validator(mode="after")
    def _consistent(self) -> SegmentParams:
        if self.min_duration_s >= self.max_duration_s:
            raise ValueError(f"min_duration_s {self.min_duration_s} must be below max_duration_s {self.max_duration_s}")
        return self


class QualityParams(Section):
    """What an utterance must reach to be kept; null switches a limit off.

    `dnsmos`, `asr_model` and `second_voice` switch on measures that cost a network each; a limit on such a
    measure needs it switched on.
    """

    min_loudness_lufs: float | None
    max_clipped_share: Share | None
    min_snr_db: float | None
    min_bandwidth_hz: float | None
    min_letters_per_s: float | None
    max_letters_per_s: float | None
    drop_duplicates: bool
    dnsmos: bool
    min_dnsmos: float | None = Field(ge=1, le=5)
    asr_model: str | None
    max_cer: float | None = Field(ge=0)
    min_language_probability: Share | None
    second_voice: bool
    min_voice_similarity: float | None = Field(ge=-1, le=1)

    @model_validator(mode="after")
    def _consistent(self) -> QualityParams:
        needs = {
            "min_dnsmos": ("dnsmos", self.dnsmos),
            "max_cer": ("asr_model", self.asr_model),
            "min_language_probability": ("asr_model", self.asr_model),
            "min_voice_similarity": ("second_voice", self.second_voice),
        }
        for limit, (measure, switched_on) in needs.items():
            if getattr(self, limit) is not None and not switched_on:
                raise ValueError(f"{limit} is set, but {measure} is off: nothing would be measured")
        return self


class FeaturesParams(Section):
    """What is measured of an utterance. `front_ends` chooses another way to phonemes for a language tag."""

    front_ends: dict[str, Literal["characters", "espeak"]] = {}
    f0_min_hz: float = Field(gt=0)
    f0_max_hz: float = Field(gt=0)
    n_mfcc: int = Field(ge=1)
    max_error_rate: Share


class TrainParams(Section):
    """How the voice is trained. Everything is counted in steps, so that a run can be repeated exactly.

    `parts` chooses the network's parts (`voiceloom_model.config.PARTS`); `start` names the weights to begin with: a
    checkpoint's folder, a Hugging Face VITS folder, or a Piper voice.
    """

    size: Literal["tiny", "small", "base"]
    parts: dict[str, str] = Field(default_factory=dict)
    start: str | None = None
    start_with: Literal["all", "matching", "decoder"] = "all"
    adaptation: Literal["full", "lora", "speaker"] = "full"
    lora_rank: int = Field(default=16, ge=1)
    seed: int
    threads: int = Field(ge=1)
    processes: int = Field(default=1, ge=1)
    precision: Literal["32-true", "bf16-mixed"]
    warmup_steps: int = Field(ge=1)
    adversarial_steps: int = Field(ge=0)
    frames_per_batch: int = Field(ge=64)
    segment_frames: int = Field(ge=8)
    learning_rate: float = Field(gt=0)
    final_learning_rate: float = Field(gt=0)
    ema_decay: Share
    checkpoint_every: int = Field(ge=1)
    validate_every: int = Field(ge=1)
    accumulate: int = Field(default=1, ge=1)
    speaker_balance: Share = 0.0
    language_balance: Share = 0.0
    listen_every: int = Field(default=0, ge=0)
    listen_sentences: int = Field(default=8, ge=1)
    keep: Literal["last", "best"] = "last"
    patience: int | None = Field(default=None, ge=1)
    max_minutes: float | None = Field(default=None, gt=0)
    speaker_consistency: float = Field(default=0.0, ge=0)
    kl_steps: int = Field(default=1500, ge=0)
    diagonal_steps: int = Field(default=600, ge=0)
    loss_weights: dict[str, float] = Field(default_factory=dict)


class QuantizeParams(Section):
    """Which layers may go to 8 bits: how far they may move the mel (nepers), and where limited log durations and pitch.

    Pitch is only that of a decoder `source`.
    """

    calibration_utterances: int = Field(ge=1)
    max_mel_increase: float = Field(ge=0)
    max_log_duration_change: float | None = Field(default=None, ge=0)
    max_pitch_change_cents: float | None = Field(default=None, ge=0)


class ExportParams(Section):
    """What the bundle holds, and how far it may stray from PyTorch. `noise_scale`: how lively (0 is flattest).

    `duration_noise_scale` is the same for the rhythm of stochastic durations. Every precision beside fp32 says
    `paired_sentences` sentences as fp32 does and is heard by `asr_model`; it ships when it is smaller and faster and
    costs no more than the limits (word error rate as a share, cosine, DNSMOS). With 0 sentences nothing is tested.
    `piper`: also Piper voices of the languages that allow it.
    """

    precisions: list[Literal["fp32", "fp16", "int8"]] = Field(min_length=1)
    noise_scale: float = Field(default=0.667, ge=0, le=2)
    duration_noise_scale: float = Field(default=0.8, ge=0, le=2)
    parity_lengths: int = Field(ge=1)
    parity_tolerance: float = Field(gt=0)
    paired_sentences: int = Field(default=0, ge=0)
    asr_model: str = "whisper-base"
    max_wer_increase: float = Field(default=0.005, ge=0)
    max_similarity_loss: float = Field(default=0.02, ge=0)
    max_dnsmos_loss: float = Field(default=0.05, ge=0)
    piper: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> ExportParams:
        if "fp32" not in self.precisions or len(set(self.precisions)) < len(self.precisions):
            raise ValueError(f"precisions {self.precisions} must name fp32, which always ships, and each only once")
        return self


class TensorrtParams(Section):
    """The decoder's precision, and the lengths to choose kernels for: tokens of a passage, frames of a window.

    `max_wave_db` is how far the engines' sound may be from the graphs', RMS over RMS.
    """

    precision: Literal["fp32", "fp16"]
    token_buckets: list[int] = Field(min_length=1)
    frame_buckets: list[int] = Field(min_length=1)
    max_wave_db: float

    @field_validator("token_buckets", "frame_buckets")
    @classmethod
    def _ascending(cls, sizes: list[int]) -> list[int]:
        if sizes != sorted(set(sizes)) or sizes[0] < 1:
            raise ValueError(f"buckets must ascend from 1 or more, found {sizes}")
        return sizes


class EvaluateParams(Section):
    """What is scored, and by which listener; without a `precision`, that which the voice speaks with by default."""

    asr_model: str
    precision: Literal["fp32", "fp16", "int8"] | None = None
    max_utterances: int = Field(ge=1)
    everyday_sentences: int = Field(ge=0)
    seed: int


class GateParams(Section):
    """What a voice must reach to be promoted. `max_rtf` is real-time factor on one thread.

    The margins say by how much it may be worse than the reigning champion on the same sentences.
    """

    max_wer: float = Field(ge=0)
    min_similarity: float = Field(ge=-1, le=1)
    min_dnsmos: float = Field(ge=1, le=5)
    max_rtf: float = Field(gt=0)
    champion_wer_margin: float = Field(ge=0)
    champion_similarity_margin: float = Field(default=0.02, ge=0)
    champion_dnsmos_margin: float = Field(default=0.1, ge=0)


class RegisterParams(Section):
    """The name in the registry."""

    model_name: str = Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$")


class Params(Section):
    """The whole of `params.yaml`."""

    corpora: list[Corpus] = Field(min_length=1)
    audio: AudioParams
    records: RecordsParams
    ingest: IngestParams
    segment: SegmentParams
    quality: QualityParams
    features: FeaturesParams
    train: TrainParams
    quantize: QuantizeParams
    export: ExportParams
    tensorrt: TensorrtParams
    evaluate: EvaluateParams
    gate: GateParams
    register_: RegisterParams = Field(alias="register")  # pydantic's own `register` must not be shadowed

    def section(self, name: str) -> object:
        """The section called `name` in `params.yaml`."""
        return getattr(self, "register_" if name == "register" else name)

    @model_validator(mode="after")
    def _consistent(self) -> Params:
        names = [corpus.name for corpus in self.corpora]
        if len(set(names)) < len(names):
            raise ValueError(f"two corpora have the same name: {', '.join(sorted(names))}")
        return self


def load_params(path: Path) -> Params:
    """Read `params.yaml`; a `ValueError` says in one sentence what is wrong where."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; run from the project's root folder")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold sections, found {type(content).__name__}")
    return parse_params(content, str(path))


def parse_params(content: dict, source: str) -> Params:
    """Validate a parsed `params.yaml`."""
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        errors = error.errors()
        # A misspelt key is also a missing one; its own name helps more.
        first = next((found for found in errors if found["type"] == "extra_forbidden"), errors[0])
        where = ".".join(str(part) for part in first["loc"] if part not in _SOURCES) or "params"
        raise ValueError(f"{source}: {where}: {_sentence(first)}") from None


def _sentence(error) -> str:
    """One sentence for one pydantic error."""
    if error["type"] == "extra_forbidden":
        known = _known_keys(error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
        return f"unknown key; {hint}"
    message = error["msg"].removeprefix("Value error, ")
    value = error.get("input")
    return message if isinstance(value, dict | list | BaseModel) else f"{message}, found {value!r}"


def _known_keys(location: tuple) -> list[str]:
    """The keys declared at a place in `params.yaml`."""
    model: type[BaseModel] = Params
    for part in location:
        if part == "corpora":
            model = Corpus
        elif part == "source":
            continue
        elif part in _SOURCES:
            model = _SOURCES[part]
        elif part == "register":
            model = RegisterParams
        elif isinstance(part, str) and part in model.model_fields:
            model = cast(type[BaseModel], model.model_fields[part].annotation)
    return [field.alias or name for name, field in model.model_fields.items()]
