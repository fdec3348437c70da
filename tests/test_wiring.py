"""One name per stage, everywhere: dvc.yaml, tasks/, params.yaml and tests/ say the same."""

import importlib
from pathlib import Path

import pytest
import yaml

from tasks.params import Params
from tasks.stage import STAGES, Stage

ROOT = Path(__file__).parents[1]
DAG = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))

#: Sections that belong to no single stage.
SHARED = {"corpora", "audio", "records", "quality"}


def declared(name) -> Stage:
    return importlib.import_module(f"tasks.{name}").STAGE


def module_path(name) -> str:
    package = f"tasks/{name}"
    return package if (ROOT / package).is_dir() else f"{package}.py"


def test_dvc_yaml_has_the_stages_of_the_code_in_the_same_order():
    assert tuple(DAG) == STAGES


def test_every_params_section_belongs_to_a_stage():
    assert set(PARAMS) - SHARED <= set(STAGES)
    assert {field.alias or name for name, field in Params.model_fields.items()} == set(PARAMS)


@pytest.mark.parametrize("name", STAGES)
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
        assert DAG[name]["outs"] == list(declared(name).outs.values())
        assert all(isinstance(out, str) for out in DAG[name]["outs"])

    def test_params_are_as_declared(self, name):
        assert tuple(DAG[name].get("params", ())) == declared(name).params
        assert set(declared(name).params) <= set(PARAMS)

    def test_metrics_carry_its_name(self, name):
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
    for name in STAGES:
        assert set(declared(name).deps.values()) <= made | committed, name
        made |= set(declared(name).outs.values())
