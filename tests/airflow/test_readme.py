"""Every snippet of README and of the documentation's pages does what it says."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_imagekit.compat import DAG
from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.retry_policy import ImageKitRetryPolicy
from tests import pictures
from tests.airflow.running import RunDag, environment
from tests.support import AIRFLOW_3

REPOSITORY = Path(__file__).parents[2]
README = REPOSITORY / "README.md"
CONNECTION_PAGE = REPOSITORY / "docs/connection.md"
EMULATOR_PAGE = REPOSITORY / "docs/emulator.md"
RATE_LIMITS_PAGE = REPOSITORY / "docs/rate-limits.md"
KEY = "private_Ab+Cd/Ef=="
HOME_PAGE = re.compile(
    r"https://github\.com/airflow-provider-imagekit/airflow-provider-imagekit/(?:blob|raw)/main/"
)


def snippets(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def bash(script: str, home: Path) -> str:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    process = subprocess.Popen(
        ["bash", "-euc", script],
        env=environment(home) | {"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate(timeout=120)
    finally:
        # A script that fails half-way leaves what it started in the background.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, printed
    return printed


class TestReadme:
    def test_the_smallest_dag(self, connection: str, imagekit: ImageKitEmulator, run_dag: RunDag) -> None:
        source = snippets(README, "python")[0]
        run = run_dag(source, "image_metadata", file_id=imagekit.file_id(pictures.ORIGINAL))
        assert run.state == "success"
        assert run.xcom("metadata")["width"] == 640

    def test_the_gate_publishes_a_recompressed_picture(
        self, connection: str, imagekit: ImageKitEmulator, run_dag: RunDag
    ) -> None:
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

    def test_the_exported_connection_is_one_that_airflow_reads(self, airflow_home: Path) -> None:
        [export] = [text for text in snippets(README, "bash") if "AIRFLOW_CONN_" in text]
        printed = bash(f"{export}\nairflow connections get imagekit_default --output plain", airflow_home)
        assert "imagekit" in printed

    @pytest.mark.parametrize(
        "page", sorted(REPOSITORY.glob("*.md")) + sorted(REPOSITORY.glob("docs/*.md")), ids=str
    )
    def test_links_lead_somewhere(self, page: Path) -> None:
        for target in re.findall(r"]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), target

    def test_every_link_works_where_the_package_index_shows_the_page(self) -> None:
        targets = re.findall(r"]\(([^)#]+)", README.read_text("utf-8"))
        assert len(targets) > 20
        for target in targets:
            assert target.startswith("https://")
            if home := HOME_PAGE.match(target):
                assert (REPOSITORY / target[home.end() :]).exists(), target

    def test_five_minutes_without_an_account(self, airflow_home: Path, library: Path, tmp_path: Path) -> None:
        [script] = [text for text in snippets(README, "bash") if "imagekit-emulator" in text]
        install, rest = script.split("\n", 1)
        assert install.startswith("pip install")
        (tmp_path / "pictures").symlink_to(library)
        printed = bash(f"cd {tmp_path}\n{rest}", airflow_home).splitlines()
        assert [line for line in printed if re.search(r" original\.jpg 640 480 [0-9a-f]{16}$", line)]


class TestConnectionPage:
    READ = (
        "python -c 'from airflow_provider_imagekit.hooks.imagekit import ImageKitHook; hook = ImageKitHook();"
        'print(hook.get_connection("imagekit_default").password, hook.get_conn()._settings.timeout)\''
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


class TestRateLimitsPage:
    def test_the_connection_with_redis(self, airflow_home: Path) -> None:
        [script] = snippets(RATE_LIMITS_PAGE, "bash")
        install, add = script.split("\n", 1)
        assert install.startswith("pip install 'airflow-provider-imagekit[redis]'")
        get, delete = (f"airflow connections {verb} imagekit_default" for verb in ("get", "delete"))
        assert "redis://" in bash(f"{add}\n{get} --output json\n{delete}", airflow_home)

    @pytest.mark.skipif(not AIRFLOW_3, reason="Airflow 2 has no retry policies")
    def test_the_retry_policy(self) -> None:
        [source] = snippets(RATE_LIMITS_PAGE, "python")
        with DAG("page", schedule=None) as dag:
            exec(compile(source, str(RATE_LIMITS_PAGE), "exec"), {})
        [task] = dag.tasks
        assert isinstance(task.retry_policy, ImageKitRetryPolicy)


class TestEmulatorPage:
    def test_the_test_of_a_dag(self, airflow_home: Path, library: Path, tmp_path: Path) -> None:
        (tmp_path / "pictures").mkdir()
        shutil.copy(library / pictures.ORIGINAL, tmp_path / "pictures/hero.jpg")
        (tmp_path / "dags").mkdir()
        for source in snippets(EMULATOR_PAGE, "python"):
            if found := re.match(r"# (\S+\.py)\n", source):
                (tmp_path / found.group(1)).write_text(source, "utf-8")
        [script] = [text for text in snippets(EMULATOR_PAGE, "bash") if "airflow db migrate" in text]
        assert "1 passed" in bash(f"cd {tmp_path}\n{script}", airflow_home)

    def test_the_server_in_python(
        self, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        [source] = [text for text in snippets(EMULATOR_PAGE, "python") if "with ImageKitEmulator" in text]
        (tmp_path / "pictures").symlink_to(library)
        monkeypatch.chdir(tmp_path)
        exec(compile(source, str(EMULATOR_PAGE), "exec"), {})
