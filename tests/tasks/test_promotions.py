"""Who reigns: promoted, refused, held, taken back, and right again after a crash at any step; real MLflow."""

import importlib
import json

import pytest
from mlflow.tracking import MlflowClient

from flows.reproduce import reproduce_version
from flows.speak import find_bundle
from flows.versions import hold_back, let_go, log_lines, promote_by_hand, rollback
from tasks.register import ensure_registered
from tasks.register.promotions import last_promotion, promotions
from tasks.register.registry import connect, registered_voices
from tasks.register.reign import promote, settled
from tasks.register.versions import named_version, only_version
from tests.registering import MODEL, Registering


@pytest.fixture(scope="module")
def two_champions(tmp_path_factory):
    """A registry whose second version took over from the first; made once, for registering takes a second."""
    root = tmp_path_factory.mktemp("two")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root}/mlflow.db")
        patch.chdir(root)
        made = Registering(root)
        made.register()
        made.register_another(b"better", champion=made_hash(made))
    return made


def made_hash(project):
    return connect(project.root).get_model_version(MODEL, "1").tags["bundle_sha256"]


@pytest.fixture
def project(two_champions, monkeypatch):
    """The two champions; whatever a test does to the registry's database is undone."""
    root = two_champions.root
    monkeypatch.chdir(root)
    kept = {name: (root / name).read_bytes() for name in ("mlflow.db", "reports/gate.json", "reports/evaluation.json")}
    kept |= {f"models/voice/{path.name}": path.read_bytes() for path in two_champions.voice.iterdir() if path.is_file()}
    kept["models/voice/fp32/encoder.onnx"] = (two_champions.voice / "fp32" / "encoder.onnx").read_bytes()
    yield two_champions
    for name, content in kept.items():
        (root / name).write_bytes(content)


def story(project):
    return [(line.action, line.version, line.previous) for line in promotions(project.root, MODEL)]


def test_promotion_moves_champion_keeps_previous_and_is_logged(project):
    assert project.aliases() == {"challenger": 2, "champion": 2, "previous": 1}
    assert story(project) == [("promoted", 1, None), ("promoted", 2, 1)]
    last = last_promotion(project.root, MODEL)
    assert (last.number, last.reason, len(last.bundle_sha256)) == (2, "it is good", 64)
    assert last.time.endswith("+00:00")


def test_a_refused_voice_is_logged_once_with_the_numbers(project):
    reasons = ("word error rate 0.900 is above the limit of 0.35", "DNSMOS 1.2 is below 1.5")
    project.register_another(b"worse", passed=False, reasons=reasons)
    project.register()
    assert project.aliases() == {"challenger": 3, "champion": 2, "previous": 1}
    assert story(project)[2:] == [("refused", 3, None)]
    assert last_promotion(project.root, MODEL).reason == "; ".join(reasons)


def test_a_voice_that_beat_another_champion_is_not_promoted(project):
    project.register_another(b"third", champion=made_hash(project))
    assert project.aliases()["champion"] == 2
    assert story(project)[2:] == [("refused", 3, None)]
    assert "but version 2 reigns" in last_promotion(project.root, MODEL).reason


def test_rollback_restores_the_former_bytes_and_a_rerun_leaves_it(project):
    said = rollback(project.root, MODEL, "it lisps")
    assert "version 1 reigns again" in said and made_hash(project)[:12] in said
    assert project.aliases() == {"challenger": 2, "champion": 1}
    project.register()
    ensure_registered(project.root, MODEL)
    assert project.aliases()["champion"] == 1
    assert story(project)[2:] == [("rolled back", 1, 2)]
    assert last_promotion(project.root, MODEL).reason == "it lisps"


def test_a_second_rollback_does_nothing_and_says_so(project):
    rollback(project.root, MODEL)
    before = story(project)
    said = rollback(project.root, MODEL)
    assert said.startswith("Nothing done: version 2 was rolled back already") and story(project) == before
    assert project.aliases()["champion"] == 1


def test_the_first_champion_cannot_be_rolled_back(project):
    rollback(project.root, MODEL)
    client = connect(project.root)
    client.set_model_version_tag(MODEL, "2", "hold", "no")
    promote_by_hand(project.root, MODEL, let_go_and_name(project))
    client.delete_registered_model_alias(MODEL, "previous")
    client.set_model_version_tag(MODEL, "1", "hold", "no")
    with pytest.raises(ValueError, match="none to go back to"):
        rollback(project.root, MODEL)


def let_go_and_name(project):
    let_go(project.root, MODEL, "2")
    return "2"


def test_rollback_goes_past_what_is_held(project):
    project.register_another(b"third", champion=named_version(project.root, MODEL, "2").tags["bundle_sha256"])
    assert project.aliases() == {"challenger": 3, "champion": 3, "previous": 2}
    hold_back(project.root, MODEL, "2", "a cough in it")
    rollback(project.root, MODEL)
    assert project.aliases() == {"challenger": 3, "champion": 1}


def test_after_a_rollback_previous_is_who_reigned_before(project):
    project.register_another(b"third", champion=named_version(project.root, MODEL, "2").tags["bundle_sha256"])
    rollback(project.root, MODEL)
    assert project.aliases() == {"challenger": 3, "champion": 2, "previous": 1}


def test_a_bundle_that_was_altered_does_not_reign_again(project):
    (altered,) = (
        path for path in (project.root / "mlartifacts").rglob("encoder.onnx") if path.read_bytes() == b"weights"
    )
    altered.write_bytes(b"WEIGHTS")
    try:
        with pytest.raises(ValueError, match="is not the one that was registered"):
            rollback(project.root, MODEL)
    finally:
        altered.write_bytes(b"weights")
    assert project.aliases()["champion"] == 2


def test_a_held_version_is_not_promoted_until_it_is_released(project):
    rollback(project.root, MODEL)
    with pytest.raises(ValueError, match=r"is held \(rolled back: by hand\)"):
        promote_by_hand(project.root, MODEL, "2")
    let_go(project.root, MODEL, "2")
    assert let_go(project.root, MODEL, "2").startswith("Nothing done")
    assert "version 2 reigns instead of version 1" in promote_by_hand(project.root, MODEL, "2", "heard again")
    assert promote_by_hand(project.root, MODEL, "2").startswith("Nothing done")
    assert [action for action, _, _ in story(project)[2:]] == ["rolled back", "released", "promoted"]
    assert project.aliases() == {"challenger": 2, "champion": 2, "previous": 1}


def test_a_veto_comes_before_the_gate(project):
    digest = project.write_bundle(b"third")
    project.write_reports(passed=False)
    project.register()
    hold_back(project.root, MODEL, digest[:10], "the speaker asked")
    project.write_reports(passed=True)
    project.register()
    assert project.aliases()["champion"] == 2
    assert story(project)[2:] == [("refused", 3, None), ("held", 3, None)]
    with pytest.raises(ValueError, match="voiceloom rollback"):
        hold_back(project.root, MODEL, "2", "too late")


@pytest.mark.parametrize("step", range(1, 6))
def test_a_crash_at_any_step_is_finished_by_the_next_call(project, monkeypatch, step):
    """Every request that changes something may be the last one."""
    requests = ["set_registered_model_tag", "set_model_version_tag", "set_registered_model_alias"]
    requests.append("delete_registered_model_alias")
    done = []

    def dying(name):
        real = getattr(MlflowClient, name)

        def request(self, *arguments, **more):
            if len(done) + 1 == step:
                raise KeyboardInterrupt
            done.append(name)
            return real(self, *arguments, **more)

        return request

    with monkeypatch.context() as patch:
        for name in requests:
            patch.setattr(MlflowClient, name, dying(name))
        with pytest.raises(KeyboardInterrupt):
            rollback(project.root, MODEL)
    assert project.aliases()["champion"] in (1, 2)
    said = rollback(project.root, MODEL)
    assert project.aliases() == {"challenger": 2, "champion": 1}
    assert story(project)[2:] == [("rolled back", 1, 2)]
    assert ("Nothing done" in said) == (step > 1), "what was begun is finished, and not done twice"


def test_a_hand_that_moved_the_alias_in_between_is_respected(project, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_registered_model_alias", lambda *_: (_ for _ in ()).throw(OSError("gone")))
        with pytest.raises(OSError, match="gone"):
            rollback(project.root, MODEL)
    project.register_another(b"third", passed=False)
    connect(project.root).set_registered_model_alias(MODEL, "champion", "3")
    ensure_registered(project.root, MODEL)
    assert project.aliases()["champion"] == 3


def crash_of_a_rollback(project, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_registered_model_alias", lambda *_: (_ for _ in ()).throw(OSError("gone")))
        with pytest.raises(OSError, match="gone"):
            rollback(project.root, MODEL)


def test_a_move_that_a_hand_has_overtaken_is_abandoned(project, monkeypatch):
    project.register_another(b"third", passed=False)
    crash_of_a_rollback(project, monkeypatch)
    assert list(log_lines(project.root, MODEL))[-1].endswith("(not finished)")
    connect(project.root).set_registered_model_alias(MODEL, "champion", "3")
    ensure_registered(project.root, MODEL)
    assert story(project)[-1] == ("abandoned", 1, 2) and project.aliases()["champion"] == 3
    assert not named_version(project.root, MODEL, "2").tags.get("hold")


def test_rollback_from_what_a_hand_had_set_goes_to_the_last_of_the_log(project):
    project.register_another(b"third", passed=False)
    connect(project.root).set_registered_model_alias(MODEL, "champion", "3")
    assert "version 2 reigns again" in rollback(project.root, MODEL)
    assert story(project)[-1] == ("rolled back", 2, 3)


def test_two_who_move_at_once_do_not_both_move(project, monkeypatch):
    """Another promotes version 3 after this one has looked and before it moves."""
    project.register_another(b"third", passed=False)
    module = importlib.import_module("tasks.register.reign")
    real = module.promotions.append

    def interrupted(*arguments):
        entry = real(*arguments)
        connect(project.root).set_registered_model_alias(MODEL, "champion", "3")
        return entry

    with monkeypatch.context() as patch:
        patch.setattr(module.promotions, "append", interrupted)
        with pytest.raises(ValueError, match="somebody else moved"):
            rollback(project.root, MODEL)
    assert project.aliases() == {"challenger": 3, "champion": 3, "previous": 1}
    assert story(project)[-1] == ("abandoned", 1, 2)
    assert not named_version(project.root, MODEL, "2").tags.get("hold")


def test_a_veto_that_came_meanwhile_counts(project):
    project.register_another(b"third", passed=False)
    known = named_version(project.root, MODEL, "3")
    throne = settled(connect(project.root), MODEL)
    hold_back(project.root, MODEL, "3", "the speaker asked")
    with pytest.raises(ValueError, match=r"is held \(the speaker asked\)"):
        promote(throne, known, "late")
    assert project.aliases()["champion"] == 2


def test_what_is_no_entry_of_the_log_is_ignored(project):
    client = connect(project.root)
    entry = next(text for tag, text in client.get_registered_model(MODEL).tags.items() if tag.startswith("promotion."))
    more = json.dumps(json.loads(entry) | {"colour": "red"})
    for tag, text in (
        ("promotion.note", entry),
        ("promotion.000009.0123abcd", more),
        ("promotion.000008.0123abcd", "x"),
    ):
        client.set_registered_model_tag(MODEL, tag, text)
    assert story(project) == [("promoted", 1, None), ("promoted", 2, 1)]


def test_a_double_that_another_has_removed_already_is_no_failure(project, monkeypatch):
    client = connect(project.root)
    digest = named_version(project.root, MODEL, "2").tags["bundle_sha256"]
    for _ in range(2):
        client.create_model_version(MODEL, "x", None, tags={"bundle_sha256": digest})
    real = MlflowClient.delete_model_version

    def twice(self, *arguments):
        real(self, *arguments)
        return real(self, *arguments)

    monkeypatch.setattr(MlflowClient, "delete_model_version", twice)
    assert int(only_version(client, MODEL, digest).version) == 2
    assert [voice.version for voice in registered_voices(project.root)] == [2, 1]


def test_a_version_that_is_no_voice_is_one_sentence(project):
    connect(project.root).create_model_version(MODEL, "x")
    with pytest.raises(ValueError, match="Voiceloom did not register it"):
        promote_by_hand(project.root, MODEL, "3")


def test_a_crash_between_version_and_alias_is_finished_when_making_sure(project, monkeypatch):
    digest = project.write_bundle(b"third")
    project.write_reports(champion=named_version(project.root, MODEL, "2").tags["bundle_sha256"])
    module = importlib.import_module("tasks.register.publish")
    with monkeypatch.context() as patch:
        patch.setattr(module, "settled", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            project.register()
    assert project.aliases()["champion"] == 2
    (project.root / "reports" / "registration.json").write_text("{}")
    ensure_registered(project.root, MODEL)
    assert project.aliases()["champion"] == 3
    assert named_version(project.root, MODEL, "@champion").tags["bundle_sha256"] == digest


def test_a_request_that_was_answered_twice_leaves_one_version(project, monkeypatch):
    """A lost answer makes the client ask again: the server has then done it twice."""
    real = MlflowClient.create_model_version

    def twice(self, *arguments, **more):
        real(self, *arguments, **more)
        return real(self, *arguments, **more)

    monkeypatch.setattr(MlflowClient, "create_model_version", twice)
    project.register_another(b"third")
    assert [voice.version for voice in registered_voices(project.root)] == [3, 2, 1]
    assert project.aliases()["challenger"] == 3


def test_the_log_tells_the_story_in_lines(project):
    rollback(project.root, MODEL, "it lisps")
    lines = list(log_lines(project.root, MODEL))
    assert "promoted     version 1 " in lines[0] and "rolled back  version 1 instead of 2" in lines[2]
    assert lines[2].endswith("it lisps")


def test_an_entry_lies_in_a_tag_that_any_database_takes(project):
    project.register_another(b"worse", passed=False, reasons=("é" * 9000,))
    project.register()
    tags = connect(project.root).get_registered_model(MODEL).tags
    assert max(len(text) for text in tags.values()) < 5000
    assert len(story(project)) == 3
    assert all(json.loads(text)["done"] for text in tags.values())


@pytest.mark.parametrize(("name", "version"), [("2", 2), (f"{MODEL}/1", 1), (f"{MODEL}@previous", 1), ("@champion", 2)])
def test_versions_have_names(project, name, version):
    assert int(named_version(project.root, MODEL, name).version) == version


@pytest.mark.parametrize("name", ["7", f"{MODEL}@nobody", "nobody/1", "0123456789", "champion", ""])
def test_an_unknown_name_is_one_sentence(project, name):
    with pytest.raises(ValueError, match="voiceloom voices"):
        named_version(project.root, MODEL, name)


def test_without_a_registry_there_is_one_sentence_and_no_database(tmp_path):
    with pytest.raises(ValueError, match="no version of test-voice is registered"):
        rollback(tmp_path, MODEL)
    for mistaken in (promote_by_hand, let_go, reproduce_version):
        with pytest.raises(ValueError, match="voiceloom voices"):
            mistaken(tmp_path, MODEL, "1")
    with pytest.raises(ValueError, match="voiceloom voices"):
        find_bundle(tmp_path, f"{MODEL}@champion")
    assert promotions(tmp_path, MODEL) == [] and last_promotion(tmp_path, MODEL) is None
    assert not (tmp_path / "mlflow.db").exists()
