"""The promotion log: who reigned since when, and why; what was refused, held and taken back.

It lies in the tags of the registered model, an entry a tag, so that it travels with the registry. Entries are only
ever added; one that moves the alias `champion` is written before the move and closed after it.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tasks.register.registry import connect, no_registry_yet, one_sentence

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

PREFIX = "promotion."
#: Other tags of that beginning are somebody else's.
TAG = re.compile(r"promotion\.\d{6}\.[0-9a-f]{8}")
#: Actions, as the log calls them. The first two move the alias `champion`; an abandoned move never came to it.
PROMOTED, ROLLED_BACK, REFUSED, HELD, RELEASED = "promoted", "rolled back", "refused", "held", "released"
ABANDONED = "abandoned"
MOVES = (PROMOTED, ROLLED_BACK)
#: A tag of a registered model holds 5,000 characters in some databases.
MAX_REASON = 3000


class Promotion(NamedTuple):
    """One line of the log: `version` reigns since then where it was promoted or rolled back to, instead of `previous`.

    `time` is UTC in ISO 8601, `reason` a sentence; a move that is not `done` is finished by the next who comes.
    """

    number: int
    time: str
    action: str
    version: int
    previous: int | None
    bundle_sha256: str
    reason: str
    done: bool = True


@dataclass(frozen=True)
class Entry:
    """What a tag holds: a line of the log and, of a move, what `previous` is to be after it and whether it is done."""

    time: str
    action: str
    version: int
    previous: int | None
    bundle_sha256: str
    reason: str
    former: int | None = None
    done: bool = True
    tag: str = ""


def promotions(root: Path, model_name: str) -> list[Promotion]:
    """The whole log of a model, oldest first."""
    if no_registry_yet(root):
        return []
    client = connect(root)
    with one_sentence(root):
        return [_line(number, entry) for number, entry in enumerate(entries(client, model_name), start=1)]


def last_promotion(root: Path, model_name: str) -> Promotion | None:
    """The newest line of a model's log."""
    return next(reversed(promotions(root, model_name)), None)


def entries(client: MlflowClient, model_name: str) -> list[Entry]:
    """The entries of the log, oldest first; none where there is no such model."""
    from mlflow.exceptions import MlflowException

    try:
        tags = client.get_registered_model(model_name).tags
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return []
        raise
    found = [entry for tag, text in tags.items() if TAG.fullmatch(tag) and (entry := _read(tag, text))]
    return sorted(found, key=lambda entry: (_number(entry), entry.time, entry.tag))


def append(client: MlflowClient, model_name: str, entry: Entry, log: Sequence[Entry]) -> Entry:
    """Add an entry after those of `log`; two that are added at the same moment both stay."""
    number = max(map(_number, log), default=0) + 1
    entry = replace(entry, tag=f"{PREFIX}{number:06d}.{secrets.token_hex(4)}")
    write(client, model_name, entry)
    return entry


def write(client: MlflowClient, model_name: str, entry: Entry) -> None:
    """Write an entry's tag."""
    content = asdict(entry)
    del content["tag"]
    content["reason"] = entry.reason[:MAX_REASON]
    client.set_registered_model_tag(model_name, entry.tag, json.dumps(content, ensure_ascii=False))


def now() -> str:
    """The time as the log has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _number(entry: Entry) -> int:
    return int(entry.tag.removeprefix(PREFIX).partition(".")[0])


def _read(tag: str, text: str) -> Entry | None:
    """The entry that a tag holds; None where it holds something else."""
    try:
        return replace(Entry(**json.loads(text)), tag=tag)
    except (TypeError, ValueError):
        return None


def _line(number: int, entry: Entry) -> Promotion:
    said = entry.time, entry.action, entry.version, entry.previous, entry.bundle_sha256, entry.reason
    return Promotion(number, *said, done=entry.done)
