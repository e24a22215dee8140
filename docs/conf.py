"""Sphinx settings of the documentation, which ``make docs`` builds."""

from __future__ import annotations

import ast
import functools
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

from airflow_provider_imagekit import __version__

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "airflow_provider_imagekit"
sys.path.append(str(HERE / "_extensions"))

project = "airflow-provider-imagekit"
author = "The airflow-provider-imagekit developers"
release = version = __version__
extensions = [
    "local_server",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
html_theme = "furo"
html_show_copyright = False
html_title = f"{project} {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "source_repository": "https://github.com/airflow-provider-imagekit/airflow-provider-imagekit/",
    "source_branch": "main",
    "source_directory": "docs/",
}
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp"

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True, "show-inheritance": True}
add_module_names = False

# Every name in the reference must have a target. `inventories` lists the names of other projects, so that a
# build needs no network.
nitpicky = True
nitpick_ignore = [
    ("py:exc", "DownstreamTasksSkipped"),
    ("py:class", "airflow.sdk.bases.branch.BranchMixIn"),
    ("py:class", "airflow.sdk.bases.skipmixin.SkipMixin"),
    ("py:class", "airflow.sdk.definitions.retry_policy.RetryPolicy"),
]
SITES = {
    "airflow": "https://airflow.apache.org/docs/apache-airflow/stable/",
    "task-sdk": "https://airflow.apache.org/docs/task-sdk/stable/",
    "python": "https://docs.python.org/3/",
    "requests": "https://requests.readthedocs.io/en/latest/",
    "pillow": "https://pillow.readthedocs.io/en/stable/",
}
# Accessibility: the sidebar's headings get a level, and scrollable elements get keyboard focus.
ACCESSIBLE = {
    'role="heading">': 'role="heading" aria-level="2">',
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
}
_built = tempfile.TemporaryDirectory(prefix="imagekit-docs-")


def _inventory(name: str) -> str:
    """Write an inventory for Sphinx from our list of names; return its path."""
    header = f"# Sphinx inventory version 2\n# Project: {name}\n# Version: \n# zlib\n"
    path = Path(_built.name, f"{name}.inv")
    path.write_bytes(header.encode() + zlib.compress((HERE / f"inventories/{name}.txt").read_bytes()))
    return str(path)


intersphinx_mapping = {name: (address, _inventory(name)) for name, address in SITES.items()}


def setup(app: Any) -> None:
    """Resolve class names without a module in docstrings, and make pages accessible by keyboard."""
    app.connect("missing-reference", _by_last_name)
    app.connect("html-page-context", _make_accessible, priority=900)


def _make_accessible(*arguments: Any) -> None:
    context = arguments[3]
    for name in ("furo_navigation_tree", "body"):
        if context.get(name):
            for markup, accessible in ACCESSIBLE.items():
                context[name] = context[name].replace(markup, accessible)


def _by_last_name(app: Any, env: Any, node: Any, text: Any) -> Any:
    """Link a name without its module if it is unique; show our other names without a link."""
    if node.get("refdomain") != "py":
        return None
    domain, name = env.get_domain("py"), str(node["reftarget"]).rpartition(".")[2]
    found = [full for full in domain.objects if full.endswith(f".{name}") and full.startswith(PACKAGE.name)]
    if len(found) == 1:
        return domain.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], found[0], node, text)
    return text if name in _defined() else None


@functools.cache
def _defined() -> frozenset[str]:
    """Return the name of every class, function and constant of the package."""
    trees = (ast.parse(module.read_text("utf-8")) for module in PACKAGE.rglob("*.py"))
    nodes = [node for tree in trees for node in ast.walk(tree)]
    named = {node.name for node in nodes if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    named |= {module.stem for module in PACKAGE.rglob("*.py")}
    return frozenset(named | {node.id for node in nodes if isinstance(node, ast.Name)})
