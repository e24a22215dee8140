"""Every operator and sensor that Airflow is told about: new ones are tested without a list of names."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

from airflow_provider_imagekit.compat import BaseOperator
from airflow_provider_imagekit.provider_info import get_provider_info

TASKS: list[type[Any]] = [
    member
    for part in ("operators", "sensors")
    for entry in get_provider_info()[part]
    for module in entry["python-modules"]
    for name in importlib.import_module(module).__all__
    if inspect.isclass(member := getattr(importlib.import_module(module), name))
    and issubclass(member, BaseOperator)
]

# Airflow's own, which some classes give another default.
OF_AIRFLOW = {"multiple_outputs"}


def arguments(task: type[Any]) -> dict[str, inspect.Parameter]:
    """Return the arguments of our own that a class spells out, by name."""
    parameters = inspect.signature(inspect.unwrap(task.__init__)).parameters
    return {
        name: parameter
        for name, parameter in parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in OF_AIRFLOW
    }


def documented(task: type[Any]) -> dict[str, str]:
    """Return what the docstring of a class says of each argument."""
    text = inspect.getdoc(task) or ""
    found = re.findall(r"^:param (\w+):(.*?)(?=^:|\Z)", text, re.DOTALL | re.MULTILINE)
    return {name: " ".join(described.split()) for name, described in found}
