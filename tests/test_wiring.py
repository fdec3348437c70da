"""One name per stage, everywhere: dvc.yaml, tasks/, params.yaml and tests/ say the same."""

import importlib
from pathlib import Path

import pytest
import yaml

from tasks.params import Params
from tasks.stage import ASIDE, STAGES, Stage

ROOT = Path(__file__).parents[1]


def pipeline(path) -> dict:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))["stages"]


def seen_from_the_root(stage, folder) -> dict:
    """A stage of a project of its own as it would stand in the root's dvc.yaml."""
    ((path, sections),) = stage["params"][0].items()
    assert path == "../params.yaml" and stage["cmd"].startswith("cd .. && ")
    return {
        **stage,
        "cmd": stage["cmd"].removeprefix("cd .. && "),
        "deps": [dep.removeprefix("../") for dep in stage["deps"]],
        "params": sections,
        "outs": [{f"{folder}/{out}": options} for outs in stage["outs"] for out, options in outs.items()],
    }


OWN = {name: pipeline(f"{folder}/dvc.yaml")[name] for name, folder in ASIDE.items()}
DAG = pipeline("dvc.yaml") | {name: seen_from_the_root(OWN[name], folder) for name, folder in ASIDE.items()}
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))

#: Sections that belong to no single stage.
SHARED = {"corpora", "audio", "records", "quality"}


def declared(name) -> Stage:
    return importlib.import_module(f"tasks.{name}").STAGE


def module_path(name) -> str:
    package = f"tasks/{name}"
    return package if (ROOT / package).is_dir() else f"{package}.py"


def test_dvc_yaml_has_the_stages_of_the_code_in_the_same_order():
    assert tuple(pipeline("dvc.yaml")) == STAGES


@pytest.mark.parametrize(("name", "folder"), ASIDE.items())
def test_a_project_of_its_own_has_one_stage_and_nothing_to_push(name, folder):
    assert list(pipeline(f"{folder}/dvc.yaml")) == [name] and (ROOT / folder / ".dvc" / "config").is_file()
    assert [options for out in OWN[name]["outs"] for options in out.values()] == [{"cache": False}]
    assert folder not in ("tensorrt", "tensorrt_rtx"), "it could be imported"


def test_every_params_section_belongs_to_a_stage():
    assert set(PARAMS) - SHARED <= {*STAGES, *ASIDE}
    assert {field.alias or name for name, field in Params.model_fields.items()} == set(PARAMS)


@pytest.mark.parametrize("name", (*STAGES, *ASIDE))
class TestStage:
    def test_runs_itself_by_name(self, name):
        assert DAG[name]["cmd"] == f"python -m tasks.stage {name}"

    def test_module_code_and_inputs_are_its_dependencies(self, name):
        stage = declared(name)
        listed = DAG[name]["deps"]
        assert set(listed) == {module_path(name), *stage.code, *stage.deps.values()}
        assert len(listed) == len(set(listed))

    def test_its_code_is_there(self, name):
        assert all((ROOT / path).exists() for path in declared(name).code)

    def test_outputs_are_as_declared_and_never_persist(self, name):
        outs = [next(iter(out)) if isinstance(out, dict) else out for out in DAG[name]["outs"]]
        assert outs == list(declared(name).outs.values())
        assert name in ASIDE or outs == DAG[name]["outs"], "options of an output are for pipelines of their own"
        options = [value for out in DAG[name]["outs"] if isinstance(out, dict) for value in out.values()]
        assert not any(option.get("persist") for option in options)

    def test_params_are_as_declared(self, name):
        assert tuple(DAG[name].get("params", ())) == declared(name).params
        assert set(declared(name).params) <= set(PARAMS)

    def test_metrics_carry_its_name(self, name):
        if name in ASIDE:
            return  # its figures are this machine's, and lie outside its project
        assert DAG[name]["metrics"] == [{f"reports/metrics/{name}.json": {"cache": False}}]

    def test_has_a_test_of_its_own(self, name):
        assert (ROOT / "tests" / "tasks" / f"test_{name}.py").is_file()

    def test_run_takes_what_is_declared(self, name):
        code = importlib.import_module(f"tasks.{name}").run.__code__
        arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        stage = declared(name)
        assert set(arguments) == {*stage.deps, *stage.outs, *stage.params}


def test_every_input_is_made_earlier_or_committed():
    committed = {"data/consent.yaml", "data/lexicon.tsv", "data/champion.json", "data/sentences"}
    made = set()
    for name in (*STAGES, *ASIDE):
        assert set(declared(name).deps.values()) <= made | committed, name
        made |= set(declared(name).outs.values())
