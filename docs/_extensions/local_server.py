"""Directives for the reference of the local ImageKit server, generated from its OpenAPI description."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.util.docutils import SphinxDirective

from airflow_provider_imagekit.emulator.command import command_parser
from airflow_provider_imagekit.emulator.description.document import openapi

if TYPE_CHECKING:
    from docutils import nodes


class Options(SphinxDirective):
    """Inserts a table of the options of ``imagekit-emulator``."""

    def run(self) -> list[nodes.Node]:
        rows = [f"| `{_invocation(action)}` | {_cell(action.help)} |" for action in command_parser()._actions]
        return self.parse_text_to_nodes("\n".join(["| option | description |", "|---|---|", *rows]))


class Operations(SphinxDirective):
    """Inserts tables of the operations and the responses in the OpenAPI description."""

    def run(self) -> list[nodes.Node]:
        found = [
            (method.upper(), path, operation)
            for path, operations in _description()["paths"].items()
            for method, operation in operations.items()
        ]
        rows = [_row(*one) for one in found]
        outcomes = {
            (status, _cell(response.get("description")))
            for *_, operation in found
            for status, response in operation["responses"].items()
        }
        lines = [
            *("| request | description | parameters | statuses |", "|---|---|---|---|", *rows, ""),
            *("| status | meaning |", "|---|---|"),
            *(f"| {status} | {meaning} |" for status, meaning in sorted(outcomes)),
        ]
        return self.parse_text_to_nodes("\n".join(lines))


def _description() -> dict[str, Any]:
    return openapi("http://127.0.0.1:8080", "demo")


def _invocation(action: argparse.Action) -> str:
    name = max(action.option_strings, key=len)
    return f"{name} {action.metavar}" if action.metavar else name


def _row(method: str, path: str, operation: dict[str, Any]) -> str:
    parameters = ", ".join(f"`{parameter['name']}`" for parameter in operation.get("parameters", []))
    what = _cell(operation.get("summary") or operation.get("description"))
    return f"| **{method}** `{path}` | {what} | {parameters} | {', '.join(operation['responses'])} |"


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("show program's version number", "print the version")


def _publish(app: Any, failed: Exception | None) -> None:
    if failed is None and app.builder.format == "html":
        Path(app.outdir, "openapi.json").write_text(json.dumps(_description(), indent=1), "utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Register the directives, and publish the description next to the pages."""
    app.add_directive("emulator-options", Options)
    app.add_directive("emulator-operations", Operations)
    app.connect("build-finished", _publish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
