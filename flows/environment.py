"""The environment a flow runs in: where commands are found, and servers that tell nobody about it."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def prepare_environment() -> None:
    """Set what Prefect reads when it is imported; what the user has set stays as it is."""
    # `dvc.yaml` says `python`: the one this command runs in, also when its environment is not activated.
    folder = str(Path(sys.executable).parent)
    if os.environ.get("PATH", "").split(os.pathsep)[0] != folder:
        os.environ["PATH"] = os.pathsep.join([folder, os.environ.get("PATH", os.defpath)])
    defaults = {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # The embedded server may need more than its usual 20 s on a busy machine.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        # Stages talk to the terminal themselves; the run's log stays complete in Prefect.
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        # A server that is restarted is waited for; a client that never reached one gives up at once.
        "PREFECT_CLIENT_MAX_RETRIES": "7",
        "DO_NOT_TRACK": "true",  # Prefect's client and MLflow
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
