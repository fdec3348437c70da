"""The commands about registered voices: who reigns, where a voice comes from, two voices side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Argument, Option = typer.Argument, typer.Option

_VERSION = Argument(metavar="VERSION", help="A number, NAME/NUMBER, NAME@ALIAS or the beginning of a bundle's hash.")
_MODEL = Option(help="The registered name; else that of params.yaml.")
_REASON = Option(help="Why, for the log.")


def add(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (rollback, promote, promotions, compare, trace, reproduce):
        app.command()(command)


def rollback(
    model: Annotated[str | None, _MODEL] = None,
    reason: Annotated[str, _REASON] = "by hand",
) -> None:
    """Make the previous champion reign again, in one step; the one that reigned is held back."""
    from flows.versions import rollback as roll_back

    print(roll_back(Path.cwd(), _model(model), reason))


def promote(
    version: Annotated[str, _VERSION],
    hold: Annotated[str | None, Option(help="Veto: it is not promoted until it is released; say why.")] = None,
    release: Annotated[bool, Option("--release", help="Take a veto back.")] = False,
    model: Annotated[str | None, _MODEL] = None,
    reason: Annotated[str, _REASON] = "by hand",
) -> None:
    """Make a version champion by hand, or hold it back, or release it."""
    from flows import versions

    root, name = Path.cwd(), _model(model)
    if hold is not None and release:
        raise ValueError("--hold and --release are opposites; give one of them")
    if hold is not None:
        if not hold.strip():
            raise ValueError("say why it is held: --hold REASON")
        print(versions.hold_back(root, name, version, hold))
    elif release:
        print(versions.let_go(root, name, version))
    else:
        print(versions.promote_by_hand(root, name, version, reason))


def promotions(model: Annotated[str | None, _MODEL] = None) -> None:
    """Print the promotion log: what was promoted, refused, held, released and rolled back, when and why."""
    from flows.versions import log_lines

    name = _model(model)
    print("\n".join(log_lines(Path.cwd(), name)) or f"The log of {name} is empty.")


def compare(
    first: Annotated[str, Argument(help="A bundle's folder, NAME@ALIAS or NAME/VERSION.")],
    second: Annotated[str, Argument(help="The other one.")],
    output: Annotated[Path, Option("-o", "--output", help="The page to write, one file.")] = Path("compare.html"),
    sentences: Annotated[int, Option(min=1, help="How many everyday sentences.")] = 12,
    texts: Annotated[Path | None, Option(help="A file of sentences instead, one a line.")] = None,
    seed: Annotated[int, Option(help="The same seed gives the same audio.")] = 7,
    scores: Annotated[
        bool, Option("--scores/--no-scores", help="Listen to them: word errors, DNSMOS, likeness.")
    ] = True,
) -> None:
    """Let two voices say the same sentences: one page with players and scores."""
    from flows.compare import Asked
    from flows.compare import compare as write

    for line in write(Path.cwd(), (first, second), output, Asked(sentences, texts, seed, scores)):
        print(line)


def trace(
    what: Annotated[str, Argument(help="A version, a bundle's folder, or a sound file that `say` made.")],
    model: Annotated[str | None, _MODEL] = None,
) -> None:
    """Print the way back to every recording, licence and consent."""
    from flows.trace import trace as way_back

    for line in way_back(Path.cwd(), _model(model), what):
        print(line)


def reproduce(
    version: Annotated[str, _VERSION],
    into: Annotated[Path | None, Option(help="A new folder; else runs/reproduce/NAME-VERSION.")] = None,
    until: Annotated[str | None, Option(help="Stop after this stage.")] = None,
    model: Annotated[str | None, _MODEL] = None,
) -> None:
    """Make a registered version again in a fresh clone and say which hashes are the same; exit 1 where some are not."""
    from flows.environment import prepare_environment
    from flows.reproduce import reproduce_version

    prepare_environment()
    if not reproduce_version(Path.cwd(), _model(model), version, into, until):
        raise typer.Exit(1)


def _model(given: str | None) -> str:
    """The registered name that is meant."""
    from tasks.params import load_params

    return given or load_params(Path.cwd() / "params.yaml").register_.model_name
