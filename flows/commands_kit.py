"""The commands `voiceloom kit pack` and `voiceloom kit unpack`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="A training kit for a machine with a GPU and no network: pack it, and take back what it trained.",
    no_args_is_help=True,
)

Argument, Option = typer.Argument, typer.Option


def add(parent: typer.Typer) -> None:
    """Add the commands to the command line."""
    parent.add_typer(app, name="kit")


@app.command()
def pack(
    out: Annotated[Path, Argument(metavar="OUT", help="The folder to write; new, or empty.")],
    preset: Annotated[str | None, Option(help="Parameters as presets/NAME.yaml would make them.")] = None,
    max_mb: Annotated[float, Option(min=1, help="How large it may be, in MiB; less leaves room for a state.")] = 60.0,
    min_kbps: Annotated[int, Option(min=6, max=64, help="The lowest Opus bitrate, in kbit/s.")] = 16,
    without: Annotated[list[str] | None, Option(help="A corpus to leave out; repeatable.")] = None,
    wheels: Annotated[Path | None, Option(help="A folder of wheels, instead of downloading them.")] = None,
    python: Annotated[str, Option(help="The version of Python over there.")] = "3.12",
) -> None:
    """Pack what `features` and `train` need, once `segment` is done."""
    from flows.kit import pack_kit
    from tasks.kit.pack import Options

    options = Options(max_mb, min_kbps, tuple(without or ()), wheels and wheels.resolve(), python)
    print("\n".join(pack_kit(Path.cwd(), out, preset, options)))


@app.command()
def unpack(
    pieces: Annotated[Path, Argument(metavar="PIECES", help="The folder with state.json and its pieces.")],
    workspace: Annotated[Path, Argument(metavar="WORKSPACE", help="Whose training goes on.")] = Path(),
) -> None:
    """Join the pieces that came back, so that `train` here goes on from their step; and write the weights."""
    from flows.kit import unpack_kit

    print("\n".join(unpack_kit(pieces.resolve(), workspace.resolve())))
