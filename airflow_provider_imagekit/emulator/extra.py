"""Checks whether the packages of the extra ``emulator`` are installed."""

from __future__ import annotations

from importlib.util import find_spec

__all__ = ["check_extra"]

_PACKAGES = ("PIL", "httptools", "jinja2", "python_multipart", "starlette", "uvicorn")


def check_extra() -> None:
    """
    Check that all packages of the local server are installed.

    :raises ModuleNotFoundError: if packages are missing; the message names them and the extra to install.
    """
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(
            f"The local ImageKit server needs {', '.join(missing)}. Install the extra: "
            'pip install "airflow-provider-imagekit[emulator]"'
        )
