"""The command line, `voiceloom`. Commands import what they need when they are called: help is instant."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from flows import commands_kit, commands_registry, commands_schedule, data

app = typer.Typer(
    help="A factory for voices: recordings of consenting speakers in, registered text-to-speech voices out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")

Option = typer.Option


@app.command()
def run(
    corpus: Annotated[Path | None, Option(help="A folder of recordings with texts (LJSpeech-like), instead.")] = None,
    speaker: Annotated[str | None, Option(help="Who speaks in the folder.")] = None,
    language: Annotated[str | None, Option(help="Their language, e.g. en-US.")] = None,
    licence: Annotated[str | None, Option(help="The terms of the recordings, e.g. CC-BY-4.0.")] = None,
    consent: Annotated[str | None, Option(help="Who agreed, and when.")] = None,
) -> None:
    """Bring every stage up to date and register the voice (the Prefect flow `retrain`)."""
    from flows.environment import prepare_environment
    from tasks.params import load_params

    root = Path.cwd()
    if corpus is not None:
        from flows.settings import FolderCorpus, use_folder

        use_folder(root, FolderCorpus(corpus, speaker, language, licence, consent))
    elif speaker or language or licence or consent:
        raise ValueError("--speaker, --language, --licence and --consent describe a folder: add --corpus FOLDER")
    model_name = load_params(root / "params.yaml").register_.model_name
    prepare_environment()
    _retrain(root, model_name)
    table()


@app.command()
def clone(
    folder: Annotated[Path, typer.Argument(help="A few minutes of one person's speech, with texts or without.")],
    name: Annotated[str, Option(help="Who speaks; the voice is registered as voiceloom-NAME.")],
    mode: Annotated[str, Option(help="What is adapted: speaker (a vector), lora, or full.")] = "lora",
    base: Annotated[Path, Option(help="The checkpoint to adapt.")] = Path("models/base"),
    minutes: Annotated[float | None, Option(min=0.1, help="Stop the training after so long.")] = None,
    language: Annotated[str | None, Option(help="Their language, e.g. en-US.")] = None,
    licence: Annotated[str | None, Option(help="The terms of the recordings, e.g. CC-BY-4.0.")] = None,
    consent: Annotated[str | None, Option(help="Who agreed, and when.")] = None,
) -> None:
    """Make a voice from a few minutes of speech: the same stages, in clones/NAME, starting from a base voice."""
    from flows.clone import CloneRequest, set_up
    from flows.environment import prepare_environment
    from flows.summary import print_summary
    from tasks.params import load_params
    from tasks.register import registration_line
    from tasks.register.registry import tracking_uri

    root = Path.cwd()
    workspace = set_up(root, CloneRequest(folder, name, mode, base, minutes, language, licence, consent))
    os.environ["MLFLOW_TRACKING_URI"] = tracking_uri(root)  # one registry for the project and its clones
    model_name = load_params(workspace / "params.yaml").register_.model_name
    prepare_environment()
    with contextlib.chdir(workspace):  # DVC looks for its stages where it is called
        _retrain(workspace, model_name)
    print_summary(workspace, registration_line(workspace, model_name))
    print(f"All of it lies in {workspace.relative_to(root)}; to speak here, add --voice {model_name}@challenger")


def _retrain(root: Path, model_name: str) -> None:
    """The flow; without a Prefect server to tell, a run that has nothing to do does not start one."""
    from flows._dvc import stale_stages
    from flows._workspace import only_run
    from tasks.register import ensure_registered

    stale = None
    if not os.environ.get("PREFECT_API_URL"):
        with only_run(root):
            stale = stale_stages(root)
            if not stale:
                print("Nothing is stale.", file=sys.stderr)
                ensure_registered(root, model_name)
                return
    from flows.retrain import retrain

    try:
        retrain(root, stale)
    except RuntimeError as error:
        if "ephemeral Prefect API server" in str(error):
            raise OSError("Prefect's own server did not start; `prefect server start` says why") from error
        if "Failed to reach API" in str(error):
            raise OSError(f"no Prefect server answers at {os.environ.get('PREFECT_API_URL')}") from error
        raise


@app.command()
def table() -> None:
    """Print the summary of the last run again."""
    from flows.summary import print_summary
    from tasks.params import load_params
    from tasks.register import registration_line

    root = Path.cwd()
    print_summary(root, registration_line(root, load_params(root / "params.yaml").register_.model_name))


@app.command("list")
def list_stages() -> None:
    """List the stages: what each reads, writes and does."""
    from flows.stages import stage_table

    stage_table(Path.cwd())


@app.command()
def say(
    text: Annotated[str, typer.Argument(help="What to say.")],
    output: Annotated[Path, Option("-o", "--output", help="The sound file to write.")] = Path("out.wav"),
    voice: Annotated[str | None, Option(help="A folder, NAME@ALIAS or NAME/VERSION; else models/voice.")] = None,
    speaker: Annotated[str | None, Option(help="A speaker's name, or a recording to imitate.")] = None,
    language: Annotated[str | None, Option(help="Language of the text, e.g. en-US.")] = None,
    speed: Annotated[float, Option(min=0.25, max=4.0, help="Faster above 1.")] = 1.0,
    seed: Annotated[int, Option(help="The same seed gives the same audio.")] = 0,
    subtitles: Annotated[Path | None, Option(help="Its words with their times, too: a file.srt, .vtt or .ass.")] = None,
) -> None:
    """Say a text with a voice."""
    from flows.speak import Manner, find_bundle
    from flows.speak import say as speak

    seconds = speak(text, output, find_bundle(Path.cwd(), voice), Manner(speaker, language, speed, seed), subtitles)
    print(f"{output}: {seconds:.2f} s")


@app.command()
def serve(
    voice: Annotated[
        list[str] | None, Option(help="A folder, NAME@ALIAS or NAME/VERSION, perhaps after NAME=; repeatable.")
    ] = None,
    host: Annotated[
        str, Option(help="The address to listen at; beyond this machine, set VOICELOOM_API_KEY.")
    ] = "127.0.0.1",
    port: Annotated[int, Option(min=0, max=65535, help="0 for any that is free.")] = 8001,
    threads: Annotated[int, Option(min=1, help="Threads of one piece of speech.")] = 1,
    workers: Annotated[int | None, Option(min=1, help="Pieces of speech computed at once; else by processors.")] = None,
    precision: Annotated[str | None, Option(help="The graphs to speak with; else each voice's first.")] = None,
    max_characters: Annotated[int, Option(min=1, help="Of one text.")] = 4096,
    cors: Annotated[list[str] | None, Option(help="Origin of a web page that may ask; repeatable.")] = None,
) -> None:
    """Serve voices to clients of OpenAI's speech API; VOICELOOM_API_KEY, where set, is asked of them."""
    from flows.serve import serve as serve_voices
    from voiceloom_model.serve.app import Settings
    from voiceloom_model.serve.server import Listening, workers_for

    settings = Settings(workers_for(workers, threads), max_characters=max_characters, origins=tuple(cors or ()))
    serve_voices(Path.cwd(), voice or [], Listening(host, port, threads, precision, settings))


@app.command()
def web(
    output: Annotated[Path, Option("-o", "--output", help="The folder to write; any static server can serve it.")],
    voice: Annotated[str | None, Option(help="A folder, NAME@ALIAS or NAME/VERSION; else models/voice.")] = None,
    precision: Annotated[str | None, Option(help="int8 (small) or fp32 (exact); else the voice's first.")] = None,
) -> None:
    """Make a page that speaks in the browser, offline: page, voice, text rules and engine in one folder."""
    from flows.speak import find_bundle
    from flows.web import build_page

    page = build_page(find_bundle(Path.cwd(), voice), output, precision)
    print(f"{output}: {page.megabytes} MB; it reads {', '.join(page.reads) or 'no language'}")
    if page.phonemes_only:
        print(f"From phonemes alone it speaks {', '.join(page.phonemes_only)}.")
    print(f"To see it: python -m http.server -d {output}")


@app.command()
def slim(
    output: Annotated[Path, typer.Argument(help="The new folder.")],
    voice: Annotated[str | None, Option(help="A folder, NAME@ALIAS or NAME/VERSION; else models/voice.")] = None,
    precision: Annotated[str | None, Option(help="The one to keep; else the voice's first.")] = None,
) -> None:
    """Copy a voice with one precision only: what a small device needs."""
    from flows.speak import find_bundle
    from voiceloom_model.runtime.bundle import slim as copy

    folder = copy(find_bundle(Path.cwd(), voice), output, precision)
    print(f"{output}: {sum(path.stat().st_size for path in folder.rglob('*') if path.is_file()) / 1e6:.1f} MB")


@app.command()
def voices() -> None:
    """List the voices: the one made here, and every registered version."""
    from flows.speak import voice_lines

    lines = list(voice_lines(Path.cwd()))
    print("\n".join(lines) or "There are no voices yet; `voiceloom run` makes one.")


@app.command()
def preset(name: Annotated[str, typer.Argument(help="A file in presets/, without .yaml.")]) -> None:
    """Overlay presets/NAME.yaml onto params.yaml."""
    from flows.settings import apply_preset

    changes = apply_preset(Path.cwd(), name)
    print("\n".join(changes) or f"params.yaml is as preset {name} says already.")


@app.command()
def check() -> None:
    """Look whether everything a run needs is there: one line each, with the cure."""
    from flows.check import findings

    failed = 0
    for finding in findings(Path.cwd()):
        failed += not finding.passed
        cure = "" if finding.passed else f"  → {finding.cure}"
        print(f"{'ok  ' if finding.passed else 'FAIL'} {finding.name}: {finding.text}{cure}")
    if failed:
        raise typer.Exit(2)


commands_registry.add(app)
commands_schedule.add(app)
commands_kit.add(app)


def main() -> None:
    """Run the command line: a user's mistake is one line on stderr and exit status 2."""
    try:
        app()
    except (ValueError, OSError) as error:
        print(f"voiceloom: {error}", file=sys.stderr)
        sys.exit(2)
    except RuntimeError as error:
        from flows._dvc import StageError

        if not isinstance(error, StageError):
            raise
        if error.code != 2:  # the stage has said itself what is wrong
            print(f"voiceloom: {error}", file=sys.stderr)
        sys.exit(2)
