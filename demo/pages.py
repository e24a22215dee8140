"""What shows the reports of ``make airflow`` to a browser on this machine: Airflow links to no file."""

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
        """Refuse a page of another site, whose name someone has made an address of this machine."""
        if not super().parse_request():
            return False
        host = self.headers.get("Host", "").partition(":")[0]
        if host not in {"127.0.0.1", "localhost"}:
            self.send_error(HTTPStatus.FORBIDDEN)
            return False
        return True

    def log_message(self, *_: object) -> None:
        """Write nothing between what ``make airflow`` prints."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """
    Yield the address under which a browser on this machine reads the files of a folder.

    :param folder: made unless it is there.
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
