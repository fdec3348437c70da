"""`voiceloom rollback`, `promote` and `promotions`: what people decide about who reigns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tasks.register.promotions import MOVES, ROLLED_BACK, promotions
from tasks.register.registry import BUNDLE_TAG, PREVIOUS, connect, no_registry_yet, one_sentence, version_by_alias
from tasks.register.reign import HOLD_TAG, Throne, before, hold, log_last_move, promote, release, roll_back, settled
from tasks.register.versions import named_version, numbered, verified_bundle

BY_HAND = "by hand"


def rollback(root: Path, model_name: str, reason: str = BY_HAND) -> str:
    """Make the previous champion reign again, its bytes verified; returns what was done, in a sentence.

    A second call in a row does nothing and says so: who asks twice wants one step.
    """
    throne = _throne(root, model_name)
    with one_sentence(root):
        last = log_last_move(throne.log)
        if last is not None and last.action == ROLLED_BACK and last.version == throne.reigning:
            return (
                f"Nothing done: version {last.previous} was rolled back already ({last.time}), and version "
                f"{last.version} reigns. To go further back: voiceloom promote VERSION"
            )
        target = _former(throne)
        verified_bundle(root, target)
        roll_back(throne, target, reason)
    return (
        f"{model_name}: version {target.version} reigns again, bundle {target.tags[BUNDLE_TAG][:12]}, every byte "
        f"verified; version {throne.reigning} is held (voiceloom promote {throne.reigning} --release)"
    )


def promote_by_hand(root: Path, model_name: str, name: str, reason: str = BY_HAND) -> str:
    """Make a version champion, whatever the gate said of it; returns what was done."""
    version = named_version(root, model_name, name)
    throne = _throne(root, version.name, may_be_empty=True)
    with one_sentence(root):
        verified_bundle(root, version)
        if not promote(throne, version, reason):
            return f"Nothing done: version {version.version} reigns already."
    instead = f" instead of version {throne.reigning}" if throne.reigning else ""
    return f"{version.name}: version {version.version} reigns{instead}, bundle {version.tags[BUNDLE_TAG][:12]}"


def hold_back(root: Path, model_name: str, name: str, reason: str) -> str:
    """Veto: a version is not promoted, by no run and by nobody, until it is released."""
    version = named_version(root, model_name, name)
    with one_sentence(root):
        hold(_throne(root, version.name, may_be_empty=True), version, reason)
    return f"{version.name}: version {version.version} is held: {reason}"


def let_go(root: Path, model_name: str, name: str) -> str:
    """Take a veto back; returns what was done."""
    version = named_version(root, model_name, name)
    with one_sentence(root):
        if not release(_throne(root, version.name, may_be_empty=True), version):
            return f"Nothing done: version {version.version} was not held."
    return (
        f"{version.name}: version {version.version} may be promoted again; to do so: "
        f"voiceloom promote {version.version}"
    )


def log_lines(root: Path, model_name: str) -> Iterator[str]:
    """The promotion log, a line an entry, oldest first."""
    for line in promotions(root, model_name):
        instead = f" instead of {line.previous}" if line.action in MOVES and line.previous else ""
        yield (
            f"{line.number:3d}  {line.time}  {line.action:<11}  version {line.version}{instead}  "
            f"{line.bundle_sha256[:12]}  {line.reason}{'' if line.done else '  (not finished)'}"
        )


def _throne(root: Path, model_name: str, may_be_empty: bool = False) -> Throne:
    if no_registry_yet(root):
        raise ValueError(f"no version of {model_name} is registered; `voiceloom run` makes one")
    client = connect(root)
    with one_sentence(root):
        throne = settled(client, model_name)
    if throne.champion is None and not may_be_empty:
        raise ValueError(f"no version of {model_name} reigns; `voiceloom voices` lists what there is")
    return throne


def _former(throne: Throne):
    """The version to go back to: `previous`, or as far as it does not serve, what the log says.

    Where the alias was moved by hand since the last move of the log, that is what the log had left reigning.
    """
    last = log_last_move(throne.log)
    if last is not None and last.version != throne.reigning:
        found = numbered(throne.client, throne.model_name, last.version)
        if found is not None and not found.tags.get(HOLD_TAG):
            return found
    found = version_by_alias(throne.client, throne.model_name, PREVIOUS)
    if found is not None and int(found.version) != throne.reigning and not found.tags.get(HOLD_TAG):
        return found
    number = before(throne, throne.reigning or 0)
    found = None if number is None else numbered(throne.client, throne.model_name, number)
    if found is None:
        raise ValueError(
            f"version {throne.reigning} of {throne.model_name} is the first champion; there is none to go back to"
        )
    return found
