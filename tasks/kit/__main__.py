"""The parts of a kit's work that need packages: `python -m tasks.kit PART …`, in the workspace."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tasks import stage
from tasks.params import load_params


def main(argv: list[str]) -> int:
    """Do one part; 2 with one sentence when it cannot be done."""
    try:
        return PARTS[argv[0]](*argv[1:])
    except (ValueError, OSError) as error:
        print(f"kit: {argv[0]}: {error}", file=sys.stderr)
        return 2


def _remake(kit: str, *shards: str) -> int:
    from tasks.kit.origins import variants_of
    from tasks.kit.remake import remake

    first = int(shards[1]) if shards else None
    remake(Path(kit), Path("data/utterances"), variants_of(load_params(Path("params.yaml")).corpora), first)
    return 0


def _features(kit: str) -> int:
    """The stage, with the kit's phonemes and embeddings in its row stores."""
    from tasks.kit import embeddings, phonemes

    phonemes.fill(Path(kit), Path("data/lexicon.tsv"), load_params(Path("params.yaml")).features)
    embeddings.fill(Path(kit), Path("data/utterances"))
    return stage.main(["features"])


def _smoke(precision: str, steps: str) -> int:
    from tasks.kit.smoke import smoke

    print(json.dumps(smoke(Path(), load_params(Path("params.yaml")), precision, int(steps))), flush=True)
    return 0


def _state_in(folder: str) -> int:
    from tasks.kit.state import place_state, read_state

    held, about = read_state(Path(folder))
    place_state(Path(), load_params(Path("params.yaml")), held)
    print(f"kit: goes on from step {about['step']}, {about['phase']}; lost on the way: {about['lost']}", flush=True)
    return 0


def _state_out(folder: str, piece_mib: str, max_mib: str) -> int:
    from tasks.kit.state import write_state

    about = write_state(Path(), load_params(Path("params.yaml")), Path(folder), float(piece_mib), float(max_mib))
    print(
        f"kit: state of step {about['step']}, {about['phase']}, {about['mib']} MiB; lost: {about['lost']}", flush=True
    )
    return 0


PARTS = {
    "remake": _remake,
    "features": _features,
    "smoke": _smoke,
    "state-in": _state_in,
    "state-out": _state_out,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
