"""compose.yaml, Dockerfile: consistent, and their commands start real servers on loopback, without containers."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from tests.servers import debian, free_port, ordinary_user, owned_by, serving, wait_until

ROOT = Path(__file__).parents[1]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
POSTGRES_PACKAGES = ("postgresql-15", "postgresql-client-15", "libpq5", "libldap-2.5-0", "libxml2")
GIVEN = {"DATABASE_PASSWORD": "secret", "VOICE": "voiceloom-demo@champion"}


def interpolated(text: str) -> str:
    """Compose's ${NAME}, ${NAME:-default} and ${NAME:?needed}, with what a user has set."""

    def value(found: re.Match) -> str:
        name, operator, rest = found.groups()
        if name in GIVEN:
            return GIVEN[name]
        assert operator == ":-", f"{found.group()} has no default and is not in the example"
        return rest or ""

    return re.sub(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}", value, text)


def words(content) -> list[str]:
    """Every string in a part of compose.yaml."""
    if isinstance(content, dict):
        return [word for value in content.values() for word in words(value)]
    return [word for value in content for word in words(value)] if isinstance(content, list) else [str(content)]


def listens(service: str) -> int | None:
    """The port in a service's command."""
    command = SERVICES[service].get("command", [])
    return int(command[command.index("--port") + 1]) if "--port" in command else None


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("name", SERVICES)
class TestService:
    def test_waits_for_services_that_can_say_they_are_well(self, name):
        needed = SERVICES[name].get("depends_on", {})
        assert set(needed) <= set(SERVICES)
        for other, how in needed.items() if isinstance(needed, dict) else ():
            assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[other]

    def test_is_published_on_loopback_alone_and_at_the_port_it_listens_at(self, name):
        for published in SERVICES[name].get("ports", []):
            assert published == f"127.0.0.1:{listens(name)}:{listens(name)}"

    def test_names_other_services_at_the_ports_they_listen_at(self, name):
        ports = {"database": 5432, **{other: listens(other) for other in SERVICES if listens(other)}}
        parts = words(SERVICES[name].get("environment", {})) + words(SERVICES[name].get("command", []))
        for host, port in re.findall(r"(?:@|//|^)([a-z-]+):(\d{4})\b", "\n".join(parts), flags=re.MULTILINE):
            assert ports[host] == int(port)

    def test_uses_volumes_that_are_declared(self, name):
        for volume in SERVICES[name].get("volumes", []):
            source = interpolated(volume).split(":")[0]
            assert source.startswith(".") or source in COMPOSE["volumes"]

    def test_secrets_come_from_the_environment(self, name):
        for variable, value in SERVICES[name].get("environment", {}).items():
            if "PASSWORD" in variable or "KEY" in variable:
                assert value.startswith("${")

    def test_its_command_is_there(self, name):
        command = SERVICES[name].get("command")
        if command is None or command[0] in ("mlflow", "prefect"):
            return  # the database brings its own; the other two are started below
        options = {part for part in command if part.startswith("--")}
        known = help_of(*command[:2]) if command[0] == "voiceloom" else help_of("dask", command[1])
        assert all(option in known for option in options)


def help_of(*command: str) -> str:
    if command[0] == "dask":
        pytest.importorskip("distributed")
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    place = {"env": environment, "cwd": ROOT, "capture_output": True, "text": True}
    done = subprocess.run([Path(sys.executable).parent / command[0], *command[1:], "--help"], check=False, **place)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_image_copies_what_is_there_and_not_ignored():
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")
    }
    copied = [path for name, rest in instructions() if name == "COPY" for path in rest.split()[:-1] if path != "."]
    assert copied
    for path in [*kept, *copied]:
        assert (ROOT / path).exists(), path
    assert {path.split("/")[0] for path in copied} <= kept


def test_no_data_and_no_secret_is_let_into_the_image():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines and not {"!data", "!models", "!runs", "!.env", "!secrets.env", "!.git"} & set(lines)


def test_the_image_is_of_a_version_that_the_package_supports_and_not_run_by_root():
    found = dict(instructions())
    assert found["FROM"].startswith("python:3.11-")
    assert not found["USER"].startswith(("root", "0"))
    assert json.loads(found["ENTRYPOINT"]) and json.loads(found["CMD"]) == ["voiceloom", "worker"]


def test_the_image_installs_extras_that_exist():
    application = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    model = tomllib.loads((ROOT / "model_src/pyproject.toml").read_text(encoding="utf-8"))["project"]
    for package, project in {"./model_src": model, ".": application}.items():
        (asked,) = re.findall(rf"-e '{re.escape(package)}\[([a-z,]+)\]'", DOCKERFILE)
        assert set(asked.split(",")) <= set(project["optional-dependencies"])


@pytest.mark.slow
def test_the_servers_start_by_hand_and_keep_what_they_are_given(request, tmp_path):
    pytest.importorskip("psycopg2", reason="psycopg2-binary is not installed")
    ports = {name: free_port() for name in ("database", "mlflow", "prefect")}
    with ExitStack() as stack:
        stack.enter_context(postgres(debian(request, POSTGRES_PACKAGES), tmp_path / "database", ports["database"]))
        logs = {name: tmp_path / f"{name}.log" for name in ("mlflow", "prefect")}
        processes = {name: stack.enter_context(by_hand(name, ports, tmp_path, logs[name])) for name in logs}
        mlflow = f"http://127.0.0.1:{ports['mlflow']}"
        prefect = f"http://127.0.0.1:{ports['prefect']}/api"
        wait_until(lambda: status(f"{mlflow}/health") == 200, processes["mlflow"], logs["mlflow"])
        wait_until(lambda: status(f"{prefect}/health") == 200, processes["prefect"], logs["prefect"])

        assert logged_artifact(mlflow) == "a voice"
        assert [path.read_text() for path in (tmp_path / "artifacts").rglob("voice.txt")] == ["a voice"]
        search = f"{mlflow}/api/2.0/mlflow/experiments/search?max_results=1"
        assert status(search, Host=f"mlflow:{ports['mlflow']}") == 200
        assert status(search, Host="elsewhere.example") == 403
        assert status(f"{prefect}/admin/version") == 200
        assert {"mlflow registered_models", "prefect flow_run"} <= tables_of(ports["database"])


def by_hand(name: str, ports: dict[str, int], folder: Path, log: Path):
    """A service's command as it stands in compose.yaml, with this machine's places and ports for the containers'."""
    service = SERVICES[name]
    here = {"0.0.0.0": "127.0.0.1", "/artifacts": str(folder / "artifacts"), str(listens(name)): str(ports[name])}
    here["2"] = "1"  # process of MLflow's; starting one costs seconds
    program, *rest = (here.get(word, word) for word in service["command"])
    places = {"@database:5432": f"@127.0.0.1:{ports['database']}", f":{listens(name)}": f":{ports[name]}"}
    environment = {variable: interpolated(value) for variable, value in service["environment"].items()}
    for there, place in places.items():
        environment = {variable: value.replace(there, place) for variable, value in environment.items()}
    environment["PREFECT_HOME"] = str(folder / "prefect")
    return serving([Path(sys.executable).parent / program, *rest], log, environment=environment)


@contextmanager
def postgres(packages: Path, folder: Path, port: int):
    """Debian's PostgreSQL with the databases that compose.yaml declares."""
    folder.mkdir()
    programs, user, log = packages / "usr/lib/postgresql/15/bin", ordinary_user(), folder.with_suffix(".log")
    owned_by(user, folder)
    who = SERVICES["database"]["environment"]["POSTGRES_USER"]
    options = shlex.split("--auth=trust --no-sync --locale=C --encoding=UTF8")
    with serving([programs / "initdb", "-D", folder / "data", "-U", who, *options], log, packages, user) as process:
        assert process.wait() == 0, log.read_text()
    settings = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
    command = [programs / "postgres", "-D", folder / "data", "-p", port, *settings]
    with serving(command, log, packages, user) as process:
        wait_until(lambda: "ready to accept" in log.read_text(), process, log)
        (script,) = (config["content"] for config in COMPOSE["configs"].values())
        with connected(port, "postgres") as cursor:
            for line in script.splitlines():
                cursor.execute(line)
        yield


@contextmanager
def connected(port: int, database: str):
    """A cursor in one of the databases."""
    import psycopg2

    connection = psycopg2.connect(host="127.0.0.1", port=port, user="voiceloom", dbname=database)
    connection.autocommit = True
    try:
        yield connection.cursor()
    finally:
        connection.close()


def tables_of(port: int) -> set[str]:
    """`database table` of every table of ours."""
    found = set()
    for database in ("mlflow", "prefect"):
        with connected(port, database) as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            found |= {f"{database} {name}" for (name,) in cursor.fetchall()}
    return found


def logged_artifact(address: str) -> str:
    """Log a file through the server, and read it back."""
    import mlflow

    client = mlflow.MlflowClient(address, address)
    run = client.create_run(client.create_experiment("voices"))
    client.log_text(run.info.run_id, "a voice", "voice.txt")
    assert client.search_experiments(filter_string="name = 'voices'")
    return Path(client.download_artifacts(run.info.run_id, "voice.txt")).read_text()


def status(address: str, **headers: str) -> int:
    """The HTTP status of an address; 0 where nothing answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
