"""The error of an example whose Airflow Connection has no ``url_endpoint``."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_provider_imagekit.client import endpoints
from airflow_provider_imagekit.compat import DAG
from airflow_provider_imagekit.exceptions import ImageKitInputError
from tests.airflow.snippets import snippets

FILES = sorted((Path(__file__).parents[2] / "example_dags").glob("example_*.py"))
SOURCES = [file.read_text("utf-8") for file in FILES]
SOURCES += [one.text for one in snippets("docs/tutorial.md") if one.language == "python"]


def templates() -> set[str]:
    nodes = [node for source in SOURCES for node in ast.walk(ast.parse(source))]
    texts = {node.value for node in nodes if isinstance(node, ast.Constant)}
    return {text for text in texts if isinstance(text, str) and "url_endpoint" in text and "{{" in text}


@pytest.mark.parametrize("template", sorted(templates()))
def test_the_error_names_the_field_and_does_not_come_from_jinja(template: str) -> None:
    jinja = DAG("example", schedule=None).get_template_env()
    conn = SimpleNamespace(imagekit_default=SimpleNamespace(extra_dejson={}))
    params = SimpleNamespace(path="/hero.jpg")
    url = jinja.from_string(template).render(conn=conn, params=params).removesuffix("/hero.jpg")
    with pytest.raises(
        ImageKitInputError, match=r"set URL endpoint \(url_endpoint\) in the Airflow Connection's"
    ):
        endpoints.remote_url_metadata(f"{url}/hero.jpg")
