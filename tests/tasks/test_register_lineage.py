"""What a registered version carries, so that it leads back to code, data and consents."""

import json
import os
import subprocess

import pyarrow.parquet as pq
import pytest
import yaml

from tasks.register.lineage import MAX_TAG, environment, lineage_tags
from tasks.register.provenance import lineage_folder, origin_of_bundle, origin_of_version
from tasks.register.registry import connect
from tasks.register.revision import current_revision
from tests.registering import MODEL, Registering

LOCK = {
    "schema": "2.0",
    "stages": {
        "fetch": {"cmd": "x", "outs": [{"path": "data/raw", "md5": "1.dir"}]},
        "ingest": {
            "cmd": "x",
            "deps": [{"path": "data/raw", "md5": "1.dir"}, {"path": "tasks/ingest", "md5": "2.dir"}],
            "params": {"params.yaml": {"ingest": {"loudness_lufs": -23.0}}},
            "outs": [{"path": "data/recordings", "md5": "3.dir"}, {"path": "reports/metrics/ingest.json", "md5": "4"}],
        },
        "register": {"cmd": "x", "outs": [{"path": "reports/registration.json", "md5": "5"}]},
    },
}


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    """A project's code under git, all of it committed."""
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("/runs/\n")
    for name in ("tasks/step.py", "reports/metrics/train.json", "dvc.lock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Registering(tmp_path)
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump(LOCK))
    return made


def test_what_a_run_writes_is_no_change(repository):
    for name in ("dvc.lock", "reports/metrics/train.json"):
        (repository / name).write_text("two\n")
    (repository / "runs").mkdir()
    (repository / "runs" / "log.txt").write_text("ignored")
    revision = current_revision(repository)
    assert len(revision.commit) == 40 and not revision.dirty and revision.folder == "."


def test_the_patch_makes_the_same_files_again(repository, tmp_path_factory):
    (repository / "tasks" / "step.py").write_text("two\n")
    (repository / "tasks" / "new step.py").write_text("new\n")
    (repository / "tasks" / "blob.bin").write_bytes(bytes(range(256)))
    revision = current_revision(repository)
    assert revision.dirty
    clone = tmp_path_factory.mktemp("clone") / "clone"
    git(repository, "clone", "-q", str(repository), str(clone))
    patch = clone.parent / "patch"
    patch.write_bytes(revision.patch)
    git(clone, "apply", str(patch))
    for name in ("step.py", "new step.py", "blob.bin"):
        assert (clone / "tasks" / name).read_bytes() == (repository / "tasks" / name).read_bytes()


def test_a_project_within_a_repository_knows_its_folder(repository):
    assert current_revision(repository / "tasks").folder == "tasks"


@pytest.fixture
def monorepo(tmp_path):
    """A project in a folder of a repository that holds others, too."""
    git(tmp_path, "init", "-q")
    for name in ("sibling/known.py", "voice/tasks/step.py", "voice/.dvc/config", "voice/.env.example"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def test_the_patch_holds_no_secret_and_nothing_of_others(monorepo):
    for name in ("sibling/known.py", "voice/.dvc/config", "voice/.env.example"):
        (monorepo / name).write_text("S3CRET\n")
    strangers = ("sibling/new.py", "voice/.env", "voice/id_rsa", "voice/notes.txt", "voice/tasks/.env")
    for name in (*strangers, "voice/tasks/id_rsa", "voice/tasks/my-Secrets/a.txt", "voice/model_src/server.PEM"):
        (monorepo / name).parent.mkdir(parents=True, exist_ok=True)
        (monorepo / name).write_text("S3CRET\n")
    (monorepo / "voice" / "tasks" / "new.py").write_text("fresh\n")
    (monorepo / "voice" / "tasks" / "step.py").write_text("two\n")
    revision = current_revision(monorepo / "voice")
    assert b"S3CRET" not in revision.patch
    assert b"+++ b/voice/tasks/new.py\n" in revision.patch and b"+++ b/voice/tasks/step.py\n" in revision.patch
    assert revision.patch.count(b"diff --git") == 2
    named = {sentence.partition(":")[0] for sentence in revision.left_out}
    secrets = {"tasks/.env", "tasks/id_rsa", "tasks/my-Secrets/a.txt", "model_src/server.PEM", ".env.example"}
    assert named == {f"voice/{name}" for name in secrets}


def test_what_is_no_code_or_too_much_is_left_out_and_said_so(repository, monkeypatch):
    monkeypatch.setattr("tasks.register.revision.MAX_NEW_FILE_BYTES", 1000)
    (repository / "tasks" / "link.py").symlink_to("/etc/hostname")
    (repository / "tasks" / "large.bin").write_bytes(bytes(1001))
    revision = current_revision(repository)
    assert revision.left_out == ("tasks/large.bin: its size", "tasks/link.py: no plain file")
    assert (revision.patch, revision.dirty) == (b"", True)
    monkeypatch.setattr("tasks.register.revision.MAX_NEW_FILES", 1)
    for name in ("a.py", "b.py"):
        (repository / "tasks" / name).write_text("new\n")
    assert "tasks/b.py: too many new files" in current_revision(repository).left_out
    monkeypatch.setattr("tasks.register.revision.MAX_PATCH_BYTES", 10)
    revision = current_revision(repository)
    assert revision.patch == b"" and revision.left_out[-1].startswith("the patch: ")


def test_names_need_not_be_unicode(repository):
    name = os.fsdecode(b"caf\xe9.py")
    (repository / "tasks" / name).write_text("new\n")
    (repository / "tasks" / f"secret-{name}").write_text("new\n")
    revision = current_revision(repository)
    assert b"+new" in revision.patch
    assert revision.left_out == ("tasks/secret-caf\\xe9.py: its name",)


def test_a_git_that_fails_says_why(repository):
    (repository / ".git" / "index").write_bytes(b"broken")
    with pytest.raises(ValueError, match="index"):
        current_revision(repository)


def test_outside_git_nothing_is_claimed(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert current_revision(tmp_path) == ("unknown", ".", b"", ())


def test_a_version_carries_tags_that_lead_back(project):
    project.register()
    tags = connect(project.root).get_model_version(MODEL, "1").tags
    assert tags["md5.data/raw"] == "1.dir" and tags["md5.data/recordings"] == "3.dir"
    assert not any(name.startswith("md5.reports") for name in tags)
    assert json.loads(tags["hours_by_speaker"]) == {"Eva": 0.5}
    assert (tags["licences"], tags["consent_ids"], tags["data_sha256"]) == ("CC0-1.0", "a, b", "d" * 64)
    assert {"git_revision", "git_dirty", "dvc_lock_sha256", "environment_sha256"} <= set(tags)


def test_a_version_carries_the_whole_in_its_run(project):
    project.register()
    version = connect(project.root).get_model_version(MODEL, "1")
    folder = lineage_folder(project.root, version)
    stages = yaml.safe_load((folder / "dvc.lock").read_text())["stages"]
    assert stages == {name: entry for name, entry in LOCK["stages"].items() if name != "register"}
    dependencies = json.loads((folder / "dependencies.json").read_text())
    assert dependencies["ingest"]["deps"] == {"data/raw": "1.dir", "tasks/ingest": "2.dir"}
    assert dependencies["ingest"]["params"] == {"params.yaml": {"ingest": {"loudness_lufs": -23.0}}}
    assert (folder / "environment.txt").read_text() == environment() and "mlflow==" in environment()
    assert (folder / "champion.json").read_text() == "{}\n"
    recordings = pq.read_table(folder / "recordings.parquet").to_pylist()
    assert [(row["id"], row["source_path"], row["consent_id"], row["seconds"]) for row in recordings] == [
        ("one/first", "one/first.wav", "a", 30.5),
        ("one/second", "one/second.wav", "b", 12.0),
    ]
    assert all(len(row["sha256"]) == 64 for row in recordings)


def test_only_the_consents_that_it_rests_on(project):
    project.register()
    origin = origin_of_version(project.root, MODEL, "@champion")
    assert [consent["id"] for consent in origin.consents] == ["a", "b"]


def test_a_copy_that_is_not_registered_is_found_by_its_data(project):
    project.register()
    origin = origin_of_bundle(project.root, "0" * 64, "d" * 64)
    assert origin.version == 1 and "is not registered itself" in origin.notes[0]
    with pytest.raises(ValueError, match="not in this registry"):
        origin_of_bundle(project.root, "0" * 64, "e" * 64)


def test_thousands_of_speakers_fit_into_a_tag(project):
    speakers = [{"corpus": "c", "language": "en", "licence": "l", "consent_id": "i", "hours": 0.1}] * 3000
    card = [{**row, "speaker": f"speaker-{number}"} for number, row in enumerate(speakers)]
    (project.root / "reports" / "data.json").write_text(json.dumps({"attribution": card}))
    tags = lineage_tags(project.root, project.root / "reports" / "data.json", project.voice)
    assert max(map(len, tags.values())) == MAX_TAG


def test_recordings_of_another_ingest_are_refused(project):
    heard = project.root / "reports" / "heard.parquet"
    table = pq.read_table(heard)
    renamed = table.set_column(0, table.schema.field(0), [["one/first", "one/other"]])
    pq.write_table(renamed, heard)
    with pytest.raises(ValueError, match="names the recording one/other"):
        project.register()
