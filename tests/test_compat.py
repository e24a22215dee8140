"""The module ``compat``, which is the only one that imports Airflow."""

from __future__ import annotations

import subprocess
import sys

import pytest

from airflow_provider_imagekit import compat

ONLY_FROM_3_3 = {"AssetScope", "RetryDecision", "RetryPolicy", "get_state_backend"}
ONLY_FROM_3_0 = {"AssetEvent", "AssetModel", "DownstreamTasksSkipped", "asset_manager"}


def python(code: str) -> str:
    command = [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_every_name_can_be_imported_from_this_airflow() -> None:
    missing = {name for name in compat.__all__ if not hasattr(compat, name)}
    only_on_airflow_3 = set() if compat.AIRFLOW_3 else ONLY_FROM_3_0
    assert missing in (only_on_airflow_3, ONLY_FROM_3_3 | only_on_airflow_3)


@pytest.mark.slow
def test_a_name_is_imported_on_first_use() -> None:
    code = "import sys; from airflow_provider_imagekit import compat; print({} in sys.modules)"
    home = "'airflow.sdk.bases.branch'" if compat.AIRFLOW_3 else "'airflow.operators.branch'"
    assert python(code.format(home)) == "False"
    assert python(code.format(home).replace("compat;", "compat; compat.BranchMixIn;")) == "True"


@pytest.mark.parametrize("name", ["Nonsense", "__path__"])
def test_other_names_are_refused_as_by_any_module(name: str) -> None:
    with pytest.raises(AttributeError, match=f"'airflow_provider_imagekit.compat' has no attribute '{name}'"):
        getattr(compat, name)
