"""Who reigns: promoting a version, taking it back, holding one back.

The alias `champion` is the truth, and one request moves it. Around it lie an entry of the log (before), `previous` and
the tag `hold` (after); a crash between them leaves an entry that is not done, and the next who comes finishes that
move, or closes the entry as abandoned where somebody has moved the alias elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tasks.register import promotions
from tasks.register.promotions import ABANDONED, HELD, MOVES, PROMOTED, REFUSED, RELEASED, ROLLED_BACK, Entry
from tasks.register.registry import BUNDLE_TAG, CHAMPION, PREVIOUS, version_by_alias
from tasks.register.versions import numbered

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

#: A version with this tag is never promoted; the tag says why.
HOLD_TAG = "hold"


class HeldError(ValueError):
    """A version is not promoted, because somebody holds it back."""


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
    unfinished = [entry for entry in log if not entry.done]
    for entry in unfinished:
        if entry is log_last_move(log) and _reigning(client, model_name) in (entry.previous, entry.version):
            _carry_out(client, model_name, entry)
        else:
            _close(client, model_name, entry, log)
    if unfinished:
        log = promotions.entries(client, model_name)
    return Throne(client, model_name, log, version_by_alias(client, model_name, CHAMPION))


def _reigning(client: MlflowClient, model_name: str) -> int | None:
    champion = version_by_alias(client, model_name, CHAMPION)
    return None if champion is None else int(champion.version)


def _close(client: MlflowClient, model_name: str, entry: Entry, log: Sequence[Entry]) -> None:
    """Close a move that somebody has overtaken: it counts where the next one found it carried out."""
    after = [later for later in log[log.index(entry) + 1 :] if later.action in MOVES]
    carried_out = bool(after) and after[0].previous == entry.version
    action = entry.action if carried_out else ABANDONED
    promotions.write(client, model_name, replace(entry, action=action, done=True))


def log_last_move(log: Sequence[Entry]) -> Entry | None:
    """The newest entry that moved the champion."""
    return next((entry for entry in reversed(log) if entry.action in MOVES), None)


def promote(throne: Throne, version: ModelVersion, reason: str) -> bool:
    """Make a version champion and the former one `previous`; False where it reigns already.

    Raises `HeldError` for one that is held.
    """
    number = int(version.version)
    if throne.reigning == number:
        return False
    held = _afresh(throne, version).tags.get(HOLD_TAG)
    if held:
        raise HeldError(f"version {number} is held ({held}); `voiceloom promote {number} --release` lets it go")
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
    version = _afresh(throne, version)
    if throne.reigning == int(version.version):
        raise ValueError(f"version {version.version} reigns; `voiceloom rollback` takes it back and holds it")
    throne.client.set_model_version_tag(throne.model_name, version.version, HOLD_TAG, reason)
    _note(throne, HELD, version, reason)


def release(throne: Throne, version: ModelVersion) -> bool:
    """Let a held version be promoted again; False where it was not held."""
    version = _afresh(throne, version)
    if not version.tags.get(HOLD_TAG):
        return False
    throne.client.delete_model_version_tag(throne.model_name, version.version, HOLD_TAG)
    _note(throne, RELEASED, version, f"was held: {version.tags[HOLD_TAG]}")
    return True


def _afresh(throne: Throne, version: ModelVersion) -> ModelVersion:
    """The version as it is now: it may have been held or released since it was looked up."""
    return throne.client.get_model_version(throne.model_name, version.version)


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
    """Every step may be done twice. `ValueError` where somebody else has moved the champion meanwhile."""
    if _finished_by_another(client, model_name, entry):
        return
    client.set_registered_model_alias(model_name, CHAMPION, str(entry.version))
    if entry.action == ROLLED_BACK and entry.previous is not None:
        client.set_model_version_tag(model_name, str(entry.previous), HOLD_TAG, f"rolled back: {entry.reason}")
    if entry.former is not None:
        client.set_registered_model_alias(model_name, PREVIOUS, str(entry.former))
    else:
        client.delete_registered_model_alias(model_name, PREVIOUS)
    promotions.write(client, model_name, replace(entry, done=True))


def _finished_by_another(client: MlflowClient, model_name: str, entry: Entry) -> bool:
    """Look again at log and alias: whether another has carried the move out already; `ValueError` if overtaken."""
    log = promotions.entries(client, model_name)
    found = next((other for other in log if other.tag == entry.tag), entry)
    if found.done and found.action == entry.action:
        return True
    reigning = _reigning(client, model_name)
    if log_last_move(log) == found and reigning in (entry.previous, entry.version):
        return False
    if not found.done and found in log:
        _close(client, model_name, found, log)
    raise ValueError(
        f"somebody else moved the champion of {model_name} meanwhile: version {reigning} reigns; look at "
        f"`voiceloom promotions`"
    )
