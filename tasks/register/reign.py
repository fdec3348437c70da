"""Who reigns: promoting a version, taking it back, holding one back.

The alias `champion` is the truth, and one request moves it. Around it lie an entry of the log (before), `previous` and
the tag `hold`; a crash between them leaves an entry that is not done, and the next who comes finishes that move, or
closes the entry where somebody has moved the alias elsewhere by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tasks.register import promotions
from tasks.register.promotions import HELD, MOVES, PROMOTED, REFUSED, RELEASED, ROLLED_BACK, Entry
from tasks.register.registry import BUNDLE_TAG, CHAMPION, PREVIOUS, version_by_alias
from tasks.register.versions import numbered

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

#: A version with this tag is never promoted; the tag says why.
HOLD_TAG = "hold"


class Throne(NamedTuple):
    """A model's log and champion as they are after whatever was begun has been finished."""

    client: MlflowClient
    model_name: str
    log: list[Entry]
    champion: ModelVersion | None

    @property
    def reigning(self) -> int | None:
        """The champion's version."""
        return None if self.champion is None else int(self.champion.version)


def settled(client: MlflowClient, model_name: str) -> Throne:
    """Finish what a crash has left half done, and look who reigns."""
    log = promotions.entries(client, model_name)
    champion = version_by_alias(client, model_name, CHAMPION)
    for entry in [entry for entry in log if not entry.done]:
        reigning = None if champion is None else int(champion.version)
        if entry is log_last_move(log) and reigning in (entry.previous, entry.version):
            _carry_out(client, model_name, entry)
            champion = version_by_alias(client, model_name, CHAMPION)
        else:
            promotions.write(client, model_name, replace(entry, done=True))
    return Throne(client, model_name, [replace(entry, done=True) for entry in log], champion)


def log_last_move(log: Sequence[Entry]) -> Entry | None:
    """The newest entry that moved the champion."""
    return next((entry for entry in reversed(log) if entry.action in MOVES), None)


def promote(throne: Throne, version: ModelVersion, reason: str) -> bool:
    """Make a version champion and the former one `previous`; False where it reigns already.

    Raises `ValueError` for one that is held.
    """
    number = int(version.version)
    if throne.reigning == number:
        return False
    held = version.tags.get(HOLD_TAG)
    if held:
        raise ValueError(f"version {number} is held ({held}); `voiceloom promote {number} --release` lets it go")
    _move(throne, PROMOTED, version, throne.reigning, reason)
    return True


def roll_back(throne: Throne, target: ModelVersion, reason: str) -> None:
    """Make an earlier version champion again; the one that reigned is held, so that no rerun promotes it."""
    _move(throne, ROLLED_BACK, target, before(throne, int(target.version)), reason)


def before(throne: Throne, version: int) -> int | None:
    """Whom a version replaced when it was promoted, as far back as to one that is still there and not held."""
    seen = {version, throne.reigning}
    for entry in reversed(throne.log):
        if entry.action == PROMOTED and entry.version == version:
            version = entry.previous or 0
            if version and version not in seen and _may_reign(throne, version):
                return version
            seen.add(version)
    return None


def _may_reign(throne: Throne, number: int) -> bool:
    found = numbered(throne.client, throne.model_name, number)
    return found is not None and not found.tags.get(HOLD_TAG)


def refuse(throne: Throne, version: ModelVersion, reason: str) -> None:
    """Note that the gate refused a version; once for the same reason."""
    about = [entry for entry in throne.log if entry.version == int(version.version)]
    if not about or (about[-1].action, about[-1].reason) != (REFUSED, reason[: promotions.MAX_REASON]):
        _note(throne, REFUSED, version, reason)


def hold(throne: Throne, version: ModelVersion, reason: str) -> None:
    """Keep a version from being promoted; `ValueError` for the one that reigns."""
    if throne.reigning == int(version.version):
        raise ValueError(f"version {version.version} reigns; `voiceloom rollback` takes it back and holds it")
    throne.client.set_model_version_tag(throne.model_name, version.version, HOLD_TAG, reason)
    _note(throne, HELD, version, reason)


def release(throne: Throne, version: ModelVersion) -> bool:
    """Let a held version be promoted again; False where it was not held."""
    if not version.tags.get(HOLD_TAG):
        return False
    throne.client.delete_model_version_tag(throne.model_name, version.version, HOLD_TAG)
    _note(throne, RELEASED, version, f"was held: {version.tags[HOLD_TAG]}")
    return True


def _note(throne: Throne, action: str, version: ModelVersion, reason: str) -> None:
    entry = Entry(promotions.now(), action, int(version.version), None, version.tags[BUNDLE_TAG], reason)
    promotions.append(throne.client, throne.model_name, entry, throne.log)


def _move(throne: Throne, action: str, version: ModelVersion, former: int | None, reason: str) -> None:
    """Write the move down, carry it out, close it; `former` is what `previous` will point to."""
    entry = Entry(
        time=promotions.now(),
        action=action,
        version=int(version.version),
        previous=throne.reigning,
        bundle_sha256=version.tags[BUNDLE_TAG],
        reason=reason,
        former=former,
        done=False,
    )
    entry = promotions.append(throne.client, throne.model_name, entry, throne.log)
    _carry_out(throne.client, throne.model_name, entry)


def _carry_out(client: MlflowClient, model_name: str, entry: Entry) -> None:
    """Every step may be done twice; until the last but one, what was written is only an intention."""
    if entry.action == ROLLED_BACK and entry.previous is not None:
        client.set_model_version_tag(model_name, str(entry.previous), HOLD_TAG, f"rolled back: {entry.reason}")
    if entry.former is not None:
        client.set_registered_model_alias(model_name, PREVIOUS, str(entry.former))
    else:
        client.delete_registered_model_alias(model_name, PREVIOUS)
    client.set_registered_model_alias(model_name, CHAMPION, str(entry.version))
    promotions.write(client, model_name, replace(entry, done=True))
