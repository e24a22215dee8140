"""Rules for the constructors of all operators and sensors."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

from airflow_provider_imagekit.compat import AIRFLOW_3, DAG, BaseOperator
from airflow_provider_imagekit.operators.base import CONNECTION_ARGUMENTS
from tests.operators.public import OF_AIRFLOW, TASKS, arguments, documented

every_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.__name__)
# Defaults that a docstring does not need to mention: None and an empty list.
PLAIN = (None, ())
SAYS = ("default", "instead of")


@every_task
def test_every_argument_is_explicit_and_documented(task: type[Any]) -> None:
    assert set(documented(task)) == set(arguments(task))


@every_task
def test_all_other_arguments_are_airflows_own(task: type[Any]) -> None:
    parameters = inspect.signature(inspect.unwrap(task.__init__)).parameters
    others = set(parameters) - set(arguments(task)) - OF_AIRFLOW
    assert others == {"self", "kwargs"}
    hidden = set().union(*(arguments(base) for base in task.__mro__ if issubclass(base, BaseOperator)))
    of_airflow = set().union(*(inspect.signature(base).parameters for base in airflows(task)))
    assert hidden - of_airflow - set(arguments(task)) == set()


@every_task
def test_every_templated_field_is_an_argument_and_is_documented_as_templated(task: type[Any]) -> None:
    assert set(task.template_fields) <= set(arguments(task))
    marked = {name for name, text in documented(task).items() if "(templated)" in text}
    assert marked == set(task.template_fields)


@every_task
def test_every_argument_except_deferrable_is_templated(task: type[Any]) -> None:
    # Airflow reads this argument while it parses the DAG.
    assert set(arguments(task)) - set(task.template_fields) <= {"deferrable"}


@every_task
def test_a_default_other_than_none_is_in_the_docstring(task: type[Any]) -> None:
    defaults = {name: parameter.default for name, parameter in arguments(task).items()}
    silent = {
        name: value
        for name, value in defaults.items()
        if value is not inspect.Parameter.empty
        and (value not in PLAIN or name in CONNECTION_ARGUMENTS)
        and not any(word in documented(task)[name].lower() for word in (*SAYS, str(value).lower()))
    }
    assert silent == {}


@every_task
def test_a_constructor_only_assigns_its_arguments(task: type[Any]) -> None:
    given = {name: object() for name in arguments(task) if name in task.template_fields}
    made = task(task_id="task", **given)
    assert {name: getattr(made, name) for name in given} == given


@every_task
def test_a_mapped_task_has_its_arguments_and_inlets(task: type[Any]) -> None:
    [first, *others] = [name for name in arguments(task) if name in task.template_fields]
    given = {name: f"{name} of the DAG" for name in others}
    mapped = task.partial(task_id="task", **given).expand(**{first: ["a", "b"]})
    assert (list(mapped.inlets), list(mapped.outlets)) == ([], [])
    made = mapped.unmap({first: "a"})
    assert {name: getattr(made, name) for name in (first, *others)} == {first: "a", **given}


@every_task
def test_an_upstream_output_in_an_argument_creates_a_dependency(task: type[Any]) -> None:
    needed = {
        name: "given" for name, argument in arguments(task).items() if argument.default is argument.empty
    }
    for name in task.template_fields:
        others = {key: value for key, value in needed.items() if key != name}
        mapped_over = next((key for key in task.template_fields if key not in {name, *others}), None)
        with DAG("dag", schedule=None):
            source = BaseOperator(task_id="source")
            task(task_id="single", **others, **{name: source.output})
            task.partial(task_id="expanded", **others).expand(**{name: source.output})
            if mapped_over:
                partial = task.partial(task_id="partial", **others, **{name: source.output})
                partial.expand(**{mapped_over: ["a", "b"]})
        expected = {"single", "expanded"} | ({"partial"} if mapped_over else set())
        assert source.downstream_task_ids == expected, name


@pytest.mark.skipif(AIRFLOW_3, reason="Airflow 3 has no command that calls it")
@pytest.mark.parametrize("given", [False, True, "{{ params.dry_run }}"])
@pytest.mark.parametrize("task", [task for task in TASKS if "dry_run" in arguments(task)])
def test_airflows_own_dry_run_works_for_an_operator_that_has_such_an_argument(
    task: type[Any], given: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = arguments(task).items()
    needed = {name: "given" for name, argument in parameters if argument.default is argument.empty}
    made = task(task_id="task", dry_run=given, **needed)
    assert made.dry_run == given
    assert json.loads(json.dumps(made.dry_run)) == given
    called: list[Any] = []
    monkeypatch.setattr(BaseOperator, "dry_run", called.append)
    made.dry_run()
    assert called == [made]
    made.render_template_fields({"params": {"dry_run": "yes"}})
    assert made.dry_run == ("yes" if isinstance(given, str) else given)
    made.dry_run()
    assert called == [made, made]


def airflows(task: type[Any]) -> list[type[Any]]:
    return [base for base in task.__mro__ if base.__module__.split(".")[0] == "airflow"]
