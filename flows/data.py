"""`voiceloom data`: the prepared data, written out for other tools, looked at, and summed up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The prepared data: write it out for other tools, look at it, sum it up.", no_args_is_help=True)

Option = typer.Option


@app.command()
def export(
    to: Annotated[str, Option(help="audacity, lhotse, kaldi, hf or ljspeech.")],
    output: Annotated[Path, Option("-o", "--output", help="The folder to write; new, or empty.")],
    split: Annotated[str | None, Option(help="Only train, or only test.")] = None,
    corpus: Annotated[str | None, Option(help="Only this corpus of params.yaml.")] = None,
) -> None:
    """Write the utterances to a folder that another tool opens."""
    from tasks.exchange import export as write

    exported = write(Path.cwd(), to, output, split, corpus)
    print(f"{output}: {exported.utterances} utterances, {exported.minutes:.1f} min")
    if to == "audacity":
        print(f"Corrected labels come back with: voiceloom run --corpus {output}  (named as its corpus, it keeps ids)")


@app.command()
def look(
    utterance: Annotated[str, typer.Argument(metavar="ID", help="An utterance's id, or a part that only one has.")],
    output: Annotated[Path | None, Option("-o", "--output", help="The picture; else runs/look/ID.png.")] = None,
) -> None:
    """Show one utterance: waveform, mel with phonemes, F0, energy, scores (a picture, and here what fits)."""
    from rich.console import Console

    from tasks.look import look as show

    console = Console()
    shown = show(Path.cwd(), utterance, output, console.width)
    console.print(shown.text, highlight=False)
    print(f"Picture: {shown.picture}")


@app.command()
def card() -> None:
    """Print the data card's main figures: hours by speaker, language and licence, and what was dropped and why."""
    from rich.console import Console

    from flows.data_card import card_text

    Console().print(card_text(Path.cwd()), highlight=False, soft_wrap=True)
