"""`python -m voiceloom_model.serve`: a server where nothing but this package is installed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from voiceloom_model.serve.app import MAX_CHARACTERS, Settings
from voiceloom_model.serve.server import Listening, serve, workers_for


def main() -> None:
    """Read the arguments and serve; a user's mistake is one line and exit status 2."""
    parser = argparse.ArgumentParser(prog="python -m voiceloom_model.serve", description=__doc__)
    parser.add_argument("--voice", action="append", required=True, help="a bundle: FOLDER or NAME=FOLDER; repeatable")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001, help="0 for any that is free")
    parser.add_argument("--threads", type=int, default=1, help="of one piece of speech")
    parser.add_argument("--workers", type=int, help="pieces of speech computed at once; else by the processors")
    parser.add_argument("--precision", help="of the graphs; else each bundle's first")
    parser.add_argument("--max-requests", type=int, default=Settings.max_requests, help="at once; others get a 503")
    parser.add_argument("--max-characters", type=int, default=MAX_CHARACTERS, help="of one text")
    parser.add_argument("--cors", action="append", default=[], metavar="ORIGIN", help="a web page's origin; repeatable")
    given = parser.parse_args()
    try:
        workers = workers_for(given.workers, given.threads)
        settings = Settings(workers, given.max_requests, given.max_characters, origins=tuple(given.cors))
        folders = [named(voice) for voice in given.voice]
        serve(folders, Listening(given.host, given.port, given.threads, given.precision, settings))
    except (ValueError, OSError) as error:
        print(f"voiceloom: {error}", file=sys.stderr)
        sys.exit(2)


def named(voice: str) -> tuple[str, Path]:
    """A bundle's name and folder: as given, or the folder's own name."""
    name, given, folder = voice.rpartition("=")
    return (name, Path(folder)) if given else (Path(folder).resolve().name, Path(folder))


if __name__ == "__main__":
    main()
