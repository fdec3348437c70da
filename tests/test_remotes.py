"""A worker with an empty cache brings what its stale stages read, from remotes that are real servers on loopback."""

import shutil
import subprocess
import textwrap
from contextlib import chdir, contextmanager
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from flows._dvc import push, reproduce, stale_stages
from flows.environment import prepare_environment
from tests.servers import answers, debian, free_port, ordinary_user, owned_by, serving, wait_until

SWIFT_SERVER = Path(__file__).parent / "swift_server.py"

SSH_PACKAGES = ("openssh-server", "libwrap0")

SWIFT_PACKAGES = [
    *("swift", "liberasurecode1", "libxml2", "libxslt1.1", "python3-cffi-backend", "python3-pkg-resources"),
    *(
        f"python3-{name}"
        for name in ("swift", "eventlet", "greenlet", "dnspython", "netifaces", "paste", "pastedeploy")
    ),
    *(f"python3-{name}" for name in ("pastedeploy-tpl", "tempita", "pyeclib", "xattr", "lxml", "requests", "urllib3")),
    *(f"python3-{name}" for name in ("idna", "certifi", "chardet", "charset-normalizer", "cryptography", "six")),
    *("python3-pastedeploy", "python3-setuptools"),
]

STEP = """
    import pathlib, sys
    name, source, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open("ran.log", "a") as log:
        log.write(name + "\\n")
    text = pathlib.Path(source).read_text()
    out = pathlib.Path("data", name)
    out.mkdir(parents=True, exist_ok=True)
    (out / "text").write_text(name + text[:40])
    (out / "weight").write_bytes(bytes([len(name) % 7]) * size)
"""

#: Stage → what it reads, and how many bytes it writes.
STAGES = {
    "recordings": ("source.txt", 400_000),
    "features": ("data/recordings", 200_000),
    "voice": ("data/features", 50_000),
    "report": ("data/voice", 1_000),
}


def dag() -> dict:
    stages = {}
    for name, (source, size) in STAGES.items():
        file = f"{source}/text" if source.startswith("data/") else source
        command = f"python step.py {name} {file} {size}"
        stages[name] = {"cmd": command, "deps": [source], "params": [name], "outs": [f"data/{name}"]}
    return {"stages": stages}


class Worker:
    """A checkout with a cache of its own."""

    def __init__(self, root: Path):
        self.root = root

    def git(self, *arguments: str) -> None:
        who = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", *who, *arguments], cwd=self.root, check=True, capture_output=True)

    def change(self, stage: str) -> None:
        params = yaml.safe_load((self.root / "params.yaml").read_text())
        (self.root / "params.yaml").write_text(yaml.safe_dump(params | {stage: params[stage] + 1}))

    @contextmanager
    def repo(self):
        with chdir(self.root), Repo(str(self.root)) as repo:  # DVC looks for stages where it is called
            yield repo

    def stale(self) -> list[str]:
        with chdir(self.root):
            return stale_stages(self.root)

    def work(self) -> list[str]:
        """What the flow does; returns the stages that ran."""
        for stage in self.stale():
            with chdir(self.root):
                reproduce(self.root, stage)
        log = self.root / "ran.log"
        names = log.read_text().split() if log.is_file() else []
        log.unlink(missing_ok=True)
        return names

    def push(self) -> None:
        with chdir(self.root):
            push(self.root, list(STAGES))

    def pulled(self) -> int:
        """Bytes in the cache."""
        return sum(path.stat().st_size for path in (self.root / ".dvc" / "cache").rglob("*") if path.is_file())

    def clone(self, place: Path) -> "Worker":
        """A fresh worker: what git has, and an empty cache."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "work")
        subprocess.run(["git", "clone", "-q", str(self.root), str(place)], check=True)
        return Worker(place)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project in which every stage ran once; no remote."""
    prepare_environment()
    root = tmp_path_factory.mktemp("made") / "project"
    root.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    Repo.init(str(root)).close()
    (root / ".dvc" / "config").write_text("[core]\n    analytics = false\n    remote = far\n")
    (root / ".gitignore").write_text("/data\n/ran.log\n")
    (root / "step.py").write_text(textwrap.dedent(STEP))
    (root / "source.txt").write_text("good morning")
    (root / "params.yaml").write_text(yaml.safe_dump(dict.fromkeys(STAGES, 1)))
    (root / "dvc.yaml").write_text(yaml.safe_dump(dag(), sort_keys=False))
    worker = Worker(root)
    with worker.repo() as repo:
        repo.reproduce()
    (root / "ran.log").unlink()
    return worker


@pytest.fixture
def origin(made, tmp_path):
    """A copy with a remote in a folder, not pushed to yet."""
    return with_remote(made, tmp_path, f"    url = {tmp_path}/store\n")


def with_remote(made: Worker, folder: Path, settings: str) -> Worker:
    root = folder / "origin"
    shutil.copytree(made.root, root)
    with (root / ".dvc" / "config").open("a") as config:
        config.write("['remote \"far\"']\n" + settings)
    return Worker(root)


def test_a_fresh_worker_with_nothing_stale_brings_nothing(origin, tmp_path):
    origin.push()
    worker = origin.clone(tmp_path / "worker")
    assert worker.work() == []
    assert worker.pulled() == 0


def test_it_brings_what_the_stale_stages_read_and_no_more(origin, tmp_path):
    origin.push()
    worker = origin.clone(tmp_path / "worker")
    worker.change("report")
    assert worker.stale() == ["report"]
    assert worker.work() == ["report"]
    assert not (worker.root / "data" / "features").exists()
    assert 50_000 < worker.pulled() < 55_000 < origin.pulled() / 10
    assert worker.stale() == []


def test_a_stage_whose_inputs_came_out_the_same_does_not_run_and_is_not_brought(origin, tmp_path):
    origin.push()
    worker = origin.clone(tmp_path / "worker")
    worker.change("voice")  # its output does not depend on its parameter
    assert worker.stale() == ["voice", "report"]
    assert worker.work() == ["voice"]
    assert not (worker.root / "data" / "report").exists()


def test_what_the_remote_lacks_is_made_again(origin, tmp_path):
    worker = origin.clone(tmp_path / "worker")
    worker.change("report")
    assert worker.stale() == worker.work() == list(STAGES)


def test_what_was_locked_by_a_run_that_was_broken_off_is_stale(origin, tmp_path):
    origin.push()
    lock = yaml.safe_load((origin.root / "dvc.lock").read_text())
    lock["stages"]["voice"]["deps"][0]["md5"] = "0" * 32 + ".dir"
    (origin.root / "dvc.lock").write_text(yaml.safe_dump(lock))
    worker = origin.clone(tmp_path / "worker")
    assert worker.stale() == ["voice", "report"]


def test_without_a_remote_all_that_is_not_here_is_made(made, tmp_path):
    shutil.copytree(made.root, tmp_path / "origin")
    (tmp_path / "origin" / ".dvc" / "config").write_text("[core]\n    analytics = false\n")
    worker = Worker(tmp_path / "origin").clone(tmp_path / "worker")
    assert worker.work() == list(STAGES)


@pytest.mark.slow
@pytest.mark.parametrize("service", ["ssh", "s3"])
def test_two_workers_share_a_server(made, tmp_path, request, service):
    origin = with_remote(made, tmp_path, request.getfixturevalue(f"{service}_remote"))
    origin.push()
    first = origin.clone(tmp_path / "first")
    first.change("report")
    assert first.work() == ["report"]
    assert 50_000 < first.pulled() < 55_000
    first.push()
    second = first.clone(tmp_path / "second")
    assert second.work() == [] and second.pulled() == 0
    with second.repo() as repo:
        repo.pull()
    assert (second.root / "data/report/text").read_bytes() == (first.root / "data/report/text").read_bytes()


@pytest.fixture
def ssh_remote(request, tmp_path):
    """The settings of a remote on Debian's openssh-server, run by an ordinary user with keys of its own."""
    pytest.importorskip("dvc_ssh", reason="dvc-ssh is not installed")
    packages, user = debian(request, SSH_PACKAGES), ordinary_user()
    home = tmp_path / "ssh"
    (home / "store").mkdir(parents=True)
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / name], check=True)
    port = free_port()
    (home / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {home}/host\nAuthorizedKeysFile {home}/key.pub\n"
        "PidFile none\nMaxStartups 100\nStrictModes no\nUsePAM yes\nPasswordAuthentication no\n"
        "Subsystem sftp internal-sftp\n"
    )
    owned_by(user, home, but="key")
    command = [packages / "usr/sbin/sshd", "-D", "-e", "-f", home / "config"]
    with serving(command, home / "log", packages, user=user) as process:
        wait_until(lambda: answers(port), process, home / "log")
        yield f"    url = ssh://{user}@127.0.0.1:{port}{home}/store\n    keyfile = {home}/key\n"


@pytest.fixture
def s3_remote(request, tmp_path, monkeypatch):
    """The settings of a remote on OpenStack Swift, which speaks S3."""
    s3fs = pytest.importorskip("s3fs", reason="dvc-s3 is not installed")
    packages = debian(request, SWIFT_PACKAGES)
    folder = tmp_path / "swift"
    folder.mkdir()
    path = {"PYTHONPATH": str(packages / "usr/lib/python3/dist-packages")}
    with serving(["/usr/bin/python3", SWIFT_SERVER, folder], folder / "log", packages, environment=path) as process:
        wait_until((folder / "port").is_file, process, folder / "log")
        address = f"http://127.0.0.1:{(folder / 'port').read_text()}"
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test:tester")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        s3fs.S3FileSystem(endpoint_url=address, skip_instance_cache=True).mkdir("voices")
        yield f"    url = s3://voices/store\n    endpointurl = {address}\n"
