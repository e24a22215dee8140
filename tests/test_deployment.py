"""Checks of the Docker image and the chart's values that do not require Docker."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[1]
DOCKERFILE = (REPOSITORY / "docker/Dockerfile").read_text("utf-8")
PAGE = (REPOSITORY / "docs/deployment.md").read_text("utf-8")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
PINS = dict(
    line.split("==")
    for line in (REPOSITORY / "constraints/airflow-3-cluster.txt").read_text("utf-8").splitlines()
)


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile, with continuation lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in text.splitlines() if line.strip()]


def values() -> dict[str, Any]:
    [block] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    return dict(yaml.safe_load(block))


def test_the_image_is_airflows_own_at_the_version_of_the_constraints() -> None:
    arguments = {text for name, text in instructions() if name == "ARG"}
    assert arguments == {f"AIRFLOW_VERSION={PINS['apache-airflow']}"}
    [base] = [text for name, text in instructions() if name == "FROM"]
    assert base == "apache/airflow:${AIRFLOW_VERSION}-python3.12"


def test_the_image_installs_the_versions_of_the_constraints() -> None:
    [command] = [text for name, text in instructions() if name == "RUN"]
    pinned = [Requirement(text) for text in re.findall(r'"([\w\[\]-]+==[\d.]+)"', command)]
    assert {each.name for each in pinned} >= {"apache-airflow-providers-amazon", "celery"}
    for each in pinned:
        assert PINS[each.name] in each.specifier, each


def test_the_image_has_extras_that_the_package_has() -> None:
    [extras] = re.findall(r"\$\{wheel}\[(.*?)]", DOCKERFILE)
    assert set(extras.split(",")) <= set(PROJECT["project"]["optional-dependencies"])


def test_what_the_image_copies_is_in_the_repository_or_built_there() -> None:
    copied = [text.split()[1] for name, text in instructions() if name == "COPY"]
    assert copied == ["dist/*.whl", "constraints/airflow-3-cluster.txt"]
    assert (REPOSITORY / copied[1]).is_file()


def test_the_chart_runs_the_image_with_workers_and_triggerers() -> None:
    found = values()
    assert found["executor"] == "CeleryExecutor"
    assert found["airflowVersion"] == found["images"]["airflow"]["tag"] == PINS["apache-airflow"]
    assert found["images"]["airflow"]["repository"] in PAGE.split("docker build")[1]
    assert found["workers"]["replicas"] >= 2 <= found["triggerer"]["replicas"]


def test_the_chart_reads_the_connections_from_a_secret() -> None:
    [source] = yaml.safe_load(values()["extraEnvFrom"])
    assert f"create secret generic {source['secretRef']['name']}" in PAGE
    assert "private_" not in yaml.safe_dump(values())


@pytest.mark.parametrize("name", ["apache-airflow-providers-celery", "apache-airflow-providers-amazon"])
def test_the_cluster_test_uses_what_the_image_has(name: str) -> None:
    group = PROJECT["dependency-groups"]["cluster"]
    [wanted] = [Requirement(text) for text in group if isinstance(text, str) and text.startswith(name)]
    assert PINS[name] in wanted.specifier
