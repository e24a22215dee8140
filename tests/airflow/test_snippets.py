"""Runs every snippet and every command of the documentation, page by page, as a reader does."""

from __future__ import annotations

import ast
import configparser
import importlib
import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jinja2 import meta

from airflow_provider_imagekit.compat import DAG
from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests import pictures
from tests.airflow.commands import JOBS
from tests.airflow.running import RunDag
from tests.airflow.snippets import PAGES, REPOSITORY, Snippet, shell, snippets
from tests.support import AIRFLOW_3

#: Reasons not to run a block, by page and a part of the block's text.
NOT_RUN = {
    ("docs/emulator.md", "# URL endpoint: http://127.0.0.1:40123/demo"): "what the command prints",
    ("docs/figures.md", "process to first response"): "what the command prints",
    ("docs/deployment.md", "docker build"): "needs Docker",
    ("docs/deployment.md", "kubectl create"): "needs a cluster",
    ("docs/deployment.md", "airflowVersion"): "tests/test_deployment.py reads it",
}
if not AIRFLOW_3:
    NOT_RUN["docs/rate-limits.md", "retry_policy="] = "Airflow 2 has no retry policies"
    NOT_RUN["docs/events.md", "AssetWatcher"] = "Airflow 2 has no event triggers"
LIBRARY = """\
{"fileId": "a", "pHash": "f06830ca9f1e3e90", "filePath": "/masters/a.png", "width": 400, "height": 300}
{"fileId": "b", "pHash": "f06830ca9f1e3e97", "filePath": "/shop/b.jpg", "width": 800, "height": 600}
{"fileId": "c", "pHash": "2222222222222222", "filePath": "/shop/c.jpg", "width": 800, "height": 600}
"""
BANNED = "name,pHash\nspam,f06830ca9f1e3e91\n"
KEY = "private_Ab+Cd/Ef=="
# Commands to run after those of a page, so that the test sees their effect.
SHOW = {
    "README.md": "airflow connections get imagekit_default --output plain",
    "docs/connection.md": "airflow connections get imagekit_default --output json",
    "docs/rate-limits.md": "airflow connections get imagekit_default --output json",
}
PRINTED = {
    "README.md": r" original\.jpg 640 480 [0-9a-f]{16}\n(.*\n)*.*imagekit_default",
    "docs/connection.md": re.escape(KEY),
    "docs/emulator.md": r"1 passed",
    "docs/rate-limits.md": r"redis://",
    "docs/tutorial.md": r"Published; [0-8] of 64 bits differ(.*\n)*.*It is another picture",
}


def check_near_duplicates(names: dict[str, Any], folder: Path) -> None:
    assert names["found"].groups[0].keeper.record.id == "a"
    assert names["found"].groups[0].reason == "in a preferred folder"
    assert "Suggested radius" in names["report"].as_markdown()
    assert names["verdict"].decision == "similar"
    assert names["verdict"].best.distance == 1
    assert names["result"].problems == ("The format is jpg instead of webp.",)
    assert (folder / "groups.html").stat().st_size > 5_000
    assert len((folder / "groups.jsonl").read_text("utf-8").splitlines()) == 2


LEFT: dict[str, Callable[[dict[str, Any], Path], None]] = {"docs/near-duplicates.md": check_near_duplicates}


def run_of(page: str) -> list[Snippet]:
    """Return the snippets of a page to run."""
    skipped = [piece for other, piece in NOT_RUN if other == page]
    return [one for one in snippets(page) if not any(piece in one.text for piece in skipped)]


@pytest.fixture
def scene(tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reader's folder, with the files that the pages mention."""
    (tmp_path / "pictures/folder").mkdir(parents=True)
    shutil.copytree(library, tmp_path / "pictures", dirs_exist_ok=True)
    for name in ("hero.jpg", "folder/a.jpg"):
        shutil.copy(library / pictures.ORIGINAL, tmp_path / "pictures" / name)
    shutil.copy(library / pictures.ORIGINAL, tmp_path / "example.jpg")
    (tmp_path / "library.jsonl").write_text(LIBRARY, "utf-8")
    (tmp_path / "banned.csv").write_text(BANNED, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def home(airflow_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A separate AIRFLOW_HOME with a migrated database."""
    return Path(shutil.copytree(airflow_home, tmp_path_factory.mktemp("home") / "airflow"))


PYTHON_PAGES = [page for page in PAGES if any(one.language == "python" for one in snippets(page))]
BASH_PAGES = [page for page in PAGES if any(one.language == "bash" for one in run_of(page))]


@pytest.mark.parametrize("page", PYTHON_PAGES)
def test_the_python_of_a_page_runs_from_top_to_bottom(page: str, scene: Path) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    with DAG("page", schedule=None):
        for one in run_of(page):
            if one.language == "python" and not one.file:
                exec(compile(one.source, f"{page}:{one.line}", "exec"), names)
    LEFT.get(page, lambda *_: None)(names, scene)


@pytest.mark.parametrize("page", BASH_PAGES)
def test_the_commands_of_a_page_run_as_described(page: str, scene: Path, home: Path) -> None:
    for one in run_of(page):
        if one.file:
            (scene / one.file).parent.mkdir(exist_ok=True)
            (scene / one.file).write_text(one.source, "utf-8")
    script = "\n".join(one.text for one in run_of(page) if one.language == "bash")
    with ImageKitEmulator(library=scene / "pictures", control=True) as server:
        script = script.replace("http://127.0.0.1:40123", server.url)
        printed = shell(f"{script}\n{SHOW.get(page, '')}", home, scene)
    assert re.search(PRINTED.get(page, ""), printed), printed


@pytest.mark.parametrize("page", PAGES)
def test_every_snippet_is_run_or_has_a_reason_not_to(page: str) -> None:
    for one in run_of(page):
        assert one.language in {"python", "bash", "ini", "json"}, f"{page}:{one.line}"
        if one.language == "json":
            assert json.loads(one.text)
        if one.language == "ini":
            settings = configparser.ConfigParser()
            settings.read_string(one.text)
            module, _, name = settings["core"]["xcom_backend"].rpartition(".")
            assert getattr(importlib.import_module(module), name)


def test_every_reason_belongs_to_a_snippet() -> None:
    for page, piece in NOT_RUN:
        assert any(piece in one.text for one in snippets(page)), piece


@pytest.mark.parametrize("page", PAGES)
def test_every_command_in_a_sentence_is_valid(page: str) -> None:
    text = re.sub(r"^```.*?^```", "", (REPOSITORY / page).read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for command in re.findall(r"`((?:nice|make|python -m|pip install|imagekit-emulator) [^`]+)`", text):
        words = [word for word in shlex.split(command) if word != "[...]"]
        job = "emulator" if words[0] == "imagekit-emulator" else words[0]
        if job != "python" or words[2].startswith("benchmarks."):
            JOBS[job](words[1:])


#: Names in the context of every run; dates such as ``ds`` are absent if a run has no logical date.
ALWAYS = {"params", "conn", "ti", "run_id", "dag_run", "macros"}
DATES = """
from airflow.sdk import DAG
from airflow_provider_imagekit.compat import BaseOperator

class Rendered(BaseOperator):
    template_fields = ("texts",)

    def __init__(self, *, texts, **kwargs):
        super().__init__(**kwargs)
        self.texts = texts

    def execute(self, context):
        assert context.get("logical_date") is None or LOGICAL
        return self.texts

with DAG("dates", schedule=None):
    Rendered(task_id="rendered", texts=TEXTS)
"""


def templates() -> dict[str, set[str]]:
    """Return the templates in the Python of all pages, each with the names it uses."""
    code = [one.source for page in PAGES for one in snippets(page) if one.language == "python"]
    constants = [
        node.value for one in code for node in ast.walk(ast.parse(one)) if isinstance(node, ast.Constant)
    ]
    texts = {text for text in constants if isinstance(text, str) and "{{" in text}
    jinja = DAG("page", schedule=None).get_template_env()
    return {text: meta.find_undeclared_variables(jinja.parse(text)) for text in texts}


def test_no_template_of_a_page_needs_a_logical_date() -> None:
    assert {text: names - ALWAYS for text, names in templates().items() if names - ALWAYS} == {}


def test_the_dates_of_the_pages_render_in_a_run_without_a_logical_date(run_dag: RunDag) -> None:
    texts = [text for text, names in templates().items() if names <= {"dag_run", "macros", "run_id"}]
    assert len(texts) >= 3
    source = f"TEXTS = {texts!r}\nLOGICAL = {not AIRFLOW_3}\n{DATES}"
    run = run_dag(source, "dates")
    assert run.state == "success", run.log[-3000:]
    assert all(re.search(r"20\d\d-\d\d-\d\d", text) for text in run.xcom("rendered"))


def test_the_smallest_dag(connection: str, imagekit: ImageKitEmulator, run_dag: RunDag) -> None:
    [source] = [one.text for one in snippets("README.md") if '"image_metadata"' in one.text]
    run = run_dag(source, "image_metadata", file_id=imagekit.file_id(pictures.ORIGINAL))
    assert run.state == "success"
    assert run.xcom("metadata")["width"] == 640


def test_the_gate_of_the_first_page(connection: str, imagekit: ImageKitEmulator, run_dag: RunDag) -> None:
    [source] = [one.text for one in snippets("README.md") if "PHashDistanceSensor" in one.text]
    run = run_dag(
        source,
        "publish_when_it_looks_right",
        candidate=imagekit.file_url(pictures.RECOMPRESSED),
        master=imagekit.file_url(pictures.ORIGINAL),
    )
    assert run.state == "success"
    assert run.xcom("publish").startswith("Published; ")
