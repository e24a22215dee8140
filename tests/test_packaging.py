"""Contents and metadata of the built package."""

from __future__ import annotations

import email
import importlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest

import airflow_provider_imagekit

REPOSITORY = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
VERSION = airflow_provider_imagekit.__version__


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("dist")
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder),
        str(REPOSITORY),
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        yield archive


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"airflow_provider_imagekit", f"airflow_provider_imagekit-{VERSION}.dist-info"}


def test_every_file_of_the_package_is_in_the_wheel_with_the_marker_of_typed_packages(
    wheel: zipfile.ZipFile,
) -> None:
    package = REPOSITORY / "airflow_provider_imagekit"
    files = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert package / "py.typed" in files
    assert {str(path.relative_to(REPOSITORY)) for path in files} <= set(wheel.namelist())


def test_licence_and_notice_are_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    names = {Path(name).name for name in wheel.namelist()}
    assert {"LICENSE", "NOTICE"} <= names


def test_the_metadata_says_what_an_index_shows(metadata: Message) -> None:
    assert metadata["Name"] == "airflow-provider-imagekit"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "Framework :: Apache Airflow :: Provider" in metadata.get_all("Classifier", [])
    assert any(url.startswith("Documentation, ") for url in metadata.get_all("Project-URL", []))
    assert metadata["Requires-Python"] == ">=3.11"
    assert "airflow-provider" in metadata["Keywords"]


def test_the_extra_all_holds_every_other_extra() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    named = extras["all"][0].removeprefix("airflow-provider-imagekit[").removesuffix("]").split(",")
    assert sorted(named) == sorted(extras.keys() - {"all"})


def test_a_deployment_does_not_require_the_emulators_packages(metadata: Message) -> None:
    always = [item for item in metadata.get_all("Requires-Dist", []) if "extra ==" not in item]
    names = {re.split(r"[<>=!;\[ ]", item)[0] for item in always}
    assert names == {
        "apache-airflow",
        "asgiref",
        "pendulum",
        "requests",
        "urllib3",
    }


def test_the_version_is_the_same_everywhere(metadata: Message) -> None:
    newest = re.search(r"^## \[([^]]+)]", (REPOSITORY / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest is not None
    assert metadata["Version"] == VERSION == newest[1]
    assert importlib.metadata.version("airflow-provider-imagekit") == VERSION


def test_every_entry_point_can_be_imported() -> None:
    targets = [*PYPROJECT["project"]["scripts"].values()]
    targets += PYPROJECT["project"]["entry-points"]["apache_airflow_provider"].values()
    for target in targets:
        module, _, attribute = target.partition(":")
        assert callable(getattr(importlib.import_module(module), attribute))


def test_no_tracked_file_contains_the_address_of_a_package_index() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    names = listed.stdout.splitlines() if listed.returncode == 0 else []
    address = re.compile("|".join(("pypi" + r"\.org", "files\\.python" + "hosted", "registry\\.npm" + "js")))
    for name in names:
        path = REPOSITORY / name
        if path.suffix in {".png", ".jpg", ".gif"} or not path.is_file():
            continue
        assert not address.search(path.read_text("utf-8", "replace")), name


@pytest.mark.parametrize("line", ["airflow-3", "airflow-2"])
def test_the_constraints_pin_one_version_of_each_package_and_no_address(line: str) -> None:
    text = (REPOSITORY / f"constraints/{line}.txt").read_text("utf-8")
    pins = [pin for pin in text.splitlines() if pin and not pin.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9.-]+==[^ ;@]+( ; .+)?", pin) for pin in pins)
    names = [pin.partition("==")[0] for pin in pins]
    assert len(names) == len(set(names))
    assert {"apache-airflow", "requests", "pendulum", "pytest"} <= set(names)
