"""``make airflow`` keeps port and password between runs, and accepts a folder of DAGs."""

from __future__ import annotations

import shutil
import socket
import stat
from pathlib import Path

import pytest

from demo.environment import EXAMPLE_DAGS
from demo.stack import AirflowStack, StackError, dags_folder, remember_login, remembered_login


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "login.json"


def made_stack(login: tuple[int, str] = (0, "")) -> AirflowStack:
    stack = AirflowStack(EXAMPLE_DAGS, "{}", login=login)
    shutil.rmtree(stack.home)
    return stack


def test_the_first_run_chooses_port_and_password(file: Path) -> None:
    assert remembered_login(file) == (0, "")


def test_port_and_password_are_reused_and_readable_only_by_this_user(file: Path) -> None:
    first = made_stack()
    remember_login(first, file)
    again = made_stack(login=remembered_login(file))
    assert (again.port, again.password) == (first.port, first.password)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_port_that_is_taken_is_not_used_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert made_stack(login=(port, "word")).port != port


def test_a_damaged_login_file_is_ignored(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("[]", "utf-8")
    assert remembered_login(file) == (0, "")


def test_the_dags_are_the_examples_or_those_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGS", "")
    assert dags_folder() == EXAMPLE_DAGS
    monkeypatch.setenv("DAGS", str(tmp_path))
    assert dags_folder() == tmp_path
    monkeypatch.setenv("DAGS", str(tmp_path / "typo"))
    with pytest.raises(StackError, match=r"DAGS is .*typo', which is not a folder"):
        dags_folder()


def test_a_command_that_fails_shows_the_end_of_its_log(tmp_path: Path) -> None:
    stack = AirflowStack(tmp_path, "")
    with pytest.raises(StackError, match=r"(?s)Airflow's wrong ended with exit code \d.*no-such-command"):
        stack.run_once("wrong", "no-such-command")
    shutil.rmtree(stack.home)
