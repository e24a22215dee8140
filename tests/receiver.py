"""A local HTTP server that receives webhooks."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

__all__ = ["Receiver"]


class Receiver:
    """
    Records deliveries and responds to them.

    :param statuses: statuses of the first responses; all others are 200.
    """

    def __init__(self, *statuses: int) -> None:
        self.deliveries: list[tuple[dict[str, str], bytes]] = []
        remaining = list(statuses)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.deliveries.append((headers, body))
                self.send_response(remaining.pop(0) if remaining else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """URL of the receiver."""
        return f"http://127.0.0.1:{self._server.server_port}/hook?to=me"

    def wait_for(self, count: int, seconds: float = 20) -> list[tuple[dict[str, str], bytes]]:
        """Wait for a number of deliveries and return them."""
        deadline = time.monotonic() + seconds
        while len(self.deliveries) < count:
            assert time.monotonic() < deadline, f"{len(self.deliveries)} of {count} deliveries received"
            time.sleep(0.01)
        return self.deliveries
