"""Train with this kit: `python3 run.py --minutes 9`. Needs Python 3.11 or newer with PyTorch, and no network."""

import sys
from pathlib import Path

KIT = Path(__file__).resolve().parent

if __name__ == "__main__":
    sys.path.insert(0, str(KIT / "code.zip"))
    from tasks.kit.target import main

    sys.exit(main(KIT, sys.argv[1:]))
