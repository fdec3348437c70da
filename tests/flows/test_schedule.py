"""When a workspace retrains: schedule.yaml, the deployment, and one run for one change."""

import sys
from pathlib import Path

import pytest
import typer
import yaml

from flows import commands_schedule, deploy
from flows._workspace import only_run
from flows.schedule import Schedule, Watch, deployment_name, load_schedule, save_schedule
from flows.scheduling import begin, change_schedule, deploy_where_possible, told
from flows.watch import Settling
from flows.worker import look_once

ROOT = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path):
    (tmp_path / "My Voice").mkdir()
    (tmp_path / "My Voice" / "dvc.yaml").touch()
    return tmp_path / "My Voice"


@pytest.fixture
def client(prefect_server):
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client


class TestFile:
    def test_without_a_file_nothing_happens(self, root):
        assert load_schedule(root) == Schedule()
        assert told(load_schedule(root)) == "Nothing happens by itself."

    def test_what_is_written_is_read_again(self, root):
        schedule = Schedule(cron="0 3 * * *", watch=[Watch(place="in")], time_limits_h={"train": 2})
        save_schedule(root, schedule)
        assert load_schedule(root) == schedule
        assert schedule.time_limits_s == {"train": 7200.0}

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [("corn: x", "corn"), ("cron: [", "schedule.yaml"), ("- a", "schedule.yaml"), ("every_s: 0", "every_s")],
    )
    def test_a_mistake_is_one_sentence(self, root, content, sentence):
        (root / "schedule.yaml").write_text(content)
        with pytest.raises(ValueError, match=sentence) as caught:
            load_schedule(root)
        assert "\n" not in str(caught.value)

    def test_options_change_only_what_they_name(self, root):
        change_schedule(root, cron="0 3 * * *", watch=["in", "s3://bucket/eva=data/eva"], notify=["slack-webhook/t"])
        changed = change_schedule(root, timezone="Europe/Prague", settle_s=5)
        assert changed == load_schedule(root)
        assert changed.watch == [Watch(place="in"), Watch(place="s3://bucket/eva", into="data/eva")]
        assert (changed.cron, changed.timezone, changed.notify.blocks) == (
            "0 3 * * *",
            "Europe/Prague",
            ["slack-webhook/t"],
        )
        assert change_schedule(root, cron="", watch=[""]).cron is None
        assert load_schedule(root).watch == []

    @pytest.mark.parametrize("options", [{"cron": "every day"}, {"cron": "0 3 * * *", "timezone": "Prague"}])
    def test_a_schedule_that_nobody_understands_is_not_kept(self, root, options):
        with pytest.raises(ValueError, match="cron"):
            change_schedule(root, **options)
        assert not (root / "schedule.yaml").exists()


class TestDeployment:
    def test_made_once_and_renewed(self, root, client):
        first = deploy.deploy(client, root, Schedule(cron="0 3 * * *", watch=[Watch(place="in")]))
        again = deploy.deploy(client, root, Schedule(cron="0 4 * * *", timezone="Europe/Prague"))
        assert first == again
        found = deploy.find(client, "my-voice")
        assert found.parameters == {"root": str(root), "new_data": False, "push": True, "wait_hours": deploy.WAIT_HOURS}
        (schedule,) = found.schedules
        assert (schedule.schedule.cron, schedule.schedule.timezone) == ("0 4 * * *", "Europe/Prague")
        queue = client.read_work_queue_by_name("my-voice", work_pool_name=deploy.POOL)
        assert (found.work_queue_id, queue.concurrency_limit) == (queue.id, 1)
        deploy.deploy(client, root, Schedule())
        assert deploy.find(client, "my-voice").schedules == []

    def test_the_name_of_another_folder_is_refused(self, root, client, tmp_path):
        deploy.deploy(client, root, Schedule(), "taken")
        with pytest.raises(ValueError, match="choose another --name"):
            deploy.deploy(client, tmp_path, Schedule(), "taken")

    def test_one_change_begins_one_run_whoever_watches(self, root, client):
        deployment = deploy.deploy(client, root, Schedule(), "watched")
        first = deploy.trigger_new_data(client, deployment, "aa")
        assert first.parameters["new_data"] and first.parameters["root"] == str(root)
        assert deploy.trigger_new_data(client, deployment, "aa") is None
        second = deploy.trigger_new_data(client, deployment, "bb")
        assert second.id != first.id
        back = deploy.trigger_new_data(client, deployment, "aa")
        assert back.id not in (first.id, second.id)

    def test_two_watchers_that_see_it_at_once_begin_the_same_run(self, root, client, monkeypatch):
        deployment = deploy.deploy(client, root, Schedule(), "raced")
        monkeypatch.setattr("flows.deploy._last_new_data", lambda client, deployment: None)
        runs = [deploy.trigger_new_data(client, deployment, "aa") for _ in range(2)]
        assert runs[0].id == runs[1].id

    def test_the_watch_begins_a_run_when_the_place_has_settled(self, root, client):
        schedule = Schedule(watch=[Watch(place="in")], settle_s=0)
        deployment = deploy.deploy(client, root, schedule, "settled")
        settling = Settling(0)

        def looked():
            return look_once(client, deployment, root, schedule, settling)

        assert looked() is None  # there is no such folder, which is logged
        (root / "in").mkdir()
        (root / "in" / "a.wav").write_bytes(b"sound")
        seen = [looked() for _ in range(4)]
        assert seen[0] is None and seen[1] and seen[2:] == [None, None]

    def test_a_run_without_a_process_is_buried(self, project, client, monkeypatch):
        from prefect.states import Cancelling, Running

        deployment = deploy.deploy(client, project.root, Schedule(), "dead")
        runs = [deploy.trigger(client, deployment) for _ in range(2)]
        for run, state in [(runs[0], Running()), (runs[1], Running()), (runs[1], Cancelling())]:
            client.set_flow_run_state(run.id, state, force=True)
        assert deploy.bury_the_dead(client, deployment, project.root) == []  # they may have only begun
        monkeypatch.setattr("flows.deploy.SILENCE_S", -1)
        with only_run(project.root):
            assert deploy.bury_the_dead(client, deployment, project.root) == []
        assert len(deploy.bury_the_dead(client, deployment, project.root)) == 2
        assert [client.read_flow_run(run.id).state.name for run in runs] == ["Crashed", "Cancelled"]


def command(monkeypatch, *arguments):
    app = typer.Typer()
    commands_schedule.add(app)
    monkeypatch.setattr(sys, "argv", ["voiceloom", *arguments])
    app(standalone_mode=False)


def test_the_command_shows_and_keeps_the_schedule(project, monkeypatch, capsys):
    command(monkeypatch, "schedule", "--cron", "0 3 * * *", "--watch", "in")
    assert "cron: 0 3 * * *" in capsys.readouterr().out
    command(monkeypatch, "schedule")
    captured = capsys.readouterr().out
    assert "place: in" in captured and "`voiceloom worker` carries it out" in captured


def test_a_server_that_is_not_there_is_one_sentence(project, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    for call in (
        lambda: begin(project.root, None, [], [], False),
        lambda: deploy_where_possible(project.root, Schedule(), None),
    ):
        with pytest.raises(OSError, match="no Prefect server answers"):
            call()


def test_prefects_own_file_names_the_flow_and_its_parameters():
    import inspect

    from flows.retrain import retrain

    for deployment in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]:
        path, _, name = deployment["entrypoint"].partition(":")
        assert (ROOT / path).is_file() and name == retrain.fn.__name__
        assert set(deployment["parameters"]) <= set(inspect.signature(retrain.fn).parameters)
        assert deployment["work_pool"]["name"] == deploy.POOL


def test_names_are_fit_for_prefect(tmp_path):
    assert deployment_name(tmp_path / "Übung 1") == "bung-1"
    assert deployment_name(Path("/")) == "voiceloom"
