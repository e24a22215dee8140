"""All operators and sensors in the provider info, so that new ones are tested automatically."""

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

# An Airflow argument for which some classes have another default.
OF_AIRFLOW = {"multiple_outputs"}


def arguments(task: type[Any]) -> dict[str, inspect.Parameter]:
    """Return the provider's own arguments of a class, by name."""
    parameters = inspect.signature(inspect.unwrap(task.__init__)).parameters
    return {
        name: parameter
        for name, parameter in parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in OF_AIRFLOW
    }


def documented(task: type[Any]) -> dict[str, str]:
    """Return the descriptions of the arguments in a class's docstring."""
    text = inspect.getdoc(task) or ""
    found = re.findall(r"^:param (\w+):(.*?)(?=^:|\Z)", text, re.DOTALL | re.MULTILINE)
    return {name: " ".join(described.split()) for name, described in found}
