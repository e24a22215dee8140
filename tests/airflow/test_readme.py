"""Every snippet of README and of the documentation's pages does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_imagekit.emulator import ImageKitEmulator
from tests import pictures
from tests.airflow.conftest import RunDag, environment

REPOSITORY = Path(__file__).parents[2]
README = REPOSITORY / "README.md"
CONNECTION_PAGE = REPOSITORY / "docs/connection.md"
KEY = "private_Ab+Cd/Ef=="


def snippets(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def bash(script: str, home: Path) -> str:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "-euc", script],
        env=environment(home) | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestReadme:
    def test_the_smallest_dag(self, connection: str, imagekit: ImageKitEmulator, run_dag: RunDag) -> None:
        source = snippets(README, "python")[0]
        run = run_dag(source, "image_metadata", file_id=imagekit.file_id(pictures.ORIGINAL))
        assert run.state == "success"
        assert run.xcom("metadata")["width"] == 640

    def test_the_gate(self, connection: str, imagekit: ImageKitEmulator, run_dag: RunDag) -> None:
        source = snippets(README, "python")[1]
        run = run_dag(
            source,
            "publish_when_it_looks_right",
            candidate=imagekit.file_url(pictures.RECOMPRESSED),
            master=imagekit.file_url(pictures.ORIGINAL),
        )
        assert run.state == "success"
        assert run.xcom("publish").startswith("Published; ")

    def test_the_rest_of_its_python(self) -> None:
        rest = snippets(README, "python")[2:]
        assert rest
        for source in rest:
            exec(compile(source, str(README), "exec"), {})

    def test_its_commands_are_targets_of_the_makefile(self) -> None:
        makefile = (REPOSITORY / "Makefile").read_text("utf-8")
        commands = re.findall(r"make ([a-z0-9-]+)", "".join(snippets(README, "bash")))
        assert {"demo", "test"} <= set(commands)
        for command in commands:
            assert re.search(rf"^{command}:", makefile, re.MULTILINE)

    def test_the_connection(self, airflow_home: Path) -> None:
        [export] = [text for text in snippets(README, "bash") if "AIRFLOW_CONN" in text]
        printed = bash(f"{export}\nairflow connections get imagekit_default --output plain", airflow_home)
        assert "imagekit" in printed

    @pytest.mark.parametrize(
        "page", sorted(REPOSITORY.glob("*.md")) + sorted(REPOSITORY.glob("docs/*.md")), ids=str
    )
    def test_links_lead_somewhere(self, page: Path) -> None:
        for target in re.findall(r"]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), target


class TestConnectionPage:
    READ = (
        "python -c 'from airflow_provider_imagekit.hooks.imagekit import ImageKitHook; hook = ImageKitHook();"
        'print(hook.get_connection("imagekit_default").password, hook.get_conn()._transport._timeout)\''
    )

    @pytest.mark.parametrize("number", [0, 1])
    def test_the_environment_variable_in_both_forms(self, number: int, airflow_home: Path) -> None:
        export = snippets(CONNECTION_PAGE, "bash")[number]
        assert bash(f"{export}\n{self.READ}", airflow_home).split()[-2:] == [KEY, "30.0"]

    def test_the_command_line(self, airflow_home: Path) -> None:
        add = snippets(CONNECTION_PAGE, "bash")[2]
        get, delete = (f"airflow connections {verb} imagekit_default" for verb in ("get", "delete"))
        printed = bash(f"{add}\n{get} --output json\n{delete}", airflow_home)
        assert KEY in printed
        assert "imagekit" in printed
