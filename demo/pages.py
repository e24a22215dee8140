"""Serves the reports of ``make airflow`` to a local browser, because Airflow cannot link to files."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TEXT = "text/plain; charset=utf-8"


class _Pages(SimpleHTTPRequestHandler):
    extensions_map: ClassVar[dict[str, str]] = {  # type: ignore[misc]
        **SimpleHTTPRequestHandler.extensions_map,
        **dict.fromkeys((".md", ".json", ".jsonl", ".csv"), _TEXT),
    }

    def parse_request(self) -> bool:
        """Refuse other host names, so that a website cannot read the reports by DNS rebinding."""
        if not super().parse_request():
            return False
        host = self.headers.get("Host", "").partition(":")[0]
        if host not in {"127.0.0.1", "localhost"}:
            self.send_error(HTTPStatus.FORBIDDEN)
            return False
        return True

    def log_message(self, *_: object) -> None:
        """Keep requests out of the output of ``make airflow``."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """
    Yield the address at which a browser on this machine can read the files of a folder.

    :param folder: created if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Pages, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
