"""A separate PostgreSQL server for a test, if PostgreSQL is installed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support import free_port

__all__ = ["metadata_database", "postgres_server"]

START_SECONDS = 30


@contextlib.contextmanager
def metadata_database() -> Iterator[dict[str, str]]:
    """Yield environment variables for a metadata database on PostgreSQL; none if it is not installed."""
    with postgres_server() as address:
        uri = f"postgresql+psycopg2://{address}"
        yield {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": uri} if address else {}


@contextlib.contextmanager
def postgres_server() -> Iterator[str | None]:
    """Yield user, host, port and database of a new PostgreSQL server; ``None`` if it is not installed."""
    programs = _programs()
    if programs is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="imagekit-postgres-"))
    user = None
    if os.getuid() == 0:  # PostgreSQL refuses to run as root; its package has created a user
        user = "postgres"
        shutil.chown(folder, user)
    data, port = folder / "data", free_port()
    run = {"user": user, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        subprocess.run([programs / "initdb", "-D", data, "-U", "airflow", "-A", "trust"], check=True, **run)
        settings = {
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(folder),
            "max_connections": "300",
            "fsync": "off",
        }
        arguments = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
        process = subprocess.Popen([programs / "postgres", "-D", data, *arguments], **run)
        try:
            _wait(programs, port)
            yield f"airflow@127.0.0.1:{port}/postgres"
        finally:
            process.terminate()
            process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, which is not in PATH on Debian."""
    found = shutil.which("initdb")
    candidates = [Path(found).resolve().parent] if found else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in candidates if (folder / "postgres").exists()), None)


def _wait(programs: Path, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    while subprocess.run(ready, check=False).returncode:
        if time.monotonic() > deadline:
            raise TimeoutError("PostgreSQL does not start")
        time.sleep(0.2)
