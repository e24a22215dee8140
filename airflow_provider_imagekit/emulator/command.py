"""Command ``imagekit-emulator``: parses its options and runs the server."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import shlex
import signal
import sys
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_imagekit import __version__
from airflow_provider_imagekit.emulator.auth import DEFAULT_PRIVATE_KEY
from airflow_provider_imagekit.emulator.limits import RateLimit, RateLimits
from airflow_provider_imagekit.emulator.server import ANY_ADDRESS, ImageKitEmulator, checked_url_endpoint
from airflow_provider_imagekit.emulator.serving.control import PREFIX, fault_from
from airflow_provider_imagekit.emulator.serving.requestlog import REQUEST_LOGGER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from airflow_provider_imagekit.emulator.serving.faults import Fault

__all__ = ["command_parser", "serve"]


def serve(arguments: Sequence[str] | None = None) -> int:
    """
    Serve until interrupted or terminated.

    :param arguments: command-line arguments.
    :return: exit status.
    """
    options = command_parser().parse_args(arguments)
    if options.verbose:
        _log_requests()
    # Pillow warns about unusual files; their metadata shows the same.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    limits = RateLimits(
        read=tuple(options.rate_limit) or RateLimits().read,
        write=tuple(options.write_rate_limit or options.rate_limit) or RateLimits().write,
    )
    with contextlib.ExitStack() as resources:
        try:
            emulator = ImageKitEmulator(
                library=options.library,
                private_key=options.private_key,
                imagekit_id=options.imagekit_id,
                port=options.port,
                host=options.host,
                latency=options.latency,
                rate_limits=limits,
                state=options.state,
                url_endpoints=options.url_endpoint,
                control=options.control,
                public_host=options.public_host,
                job_seconds=options.job_time,
                webhook_hosts=options.webhook_host,
            )
            for fault in options.fault:
                emulator.inject(fault)
            resources.enter_context(emulator)
        except (OSError, ValueError) as error:
            print(f"imagekit-emulator: {error}", file=sys.stderr)
            return 1
        _announce(emulator, options)
        _wait()
    return 0


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="imagekit-emulator", description="Serve a folder of pictures as an ImageKit account."
    )
    parser.add_argument(
        "--library", type=Path, required=True, metavar="DIR", help="folder of pictures; read-only"
    )
    parser.add_argument("--version", action="version", version=f"airflow-provider-imagekit {__version__}")
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="port (default: any free one)")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
    )
    parser.add_argument(
        "--public-host",
        metavar="NAME",
        help="host name under which clients on other machines or in other containers reach the server",
    )
    parser.add_argument(
        "--private-key", type=_key, default=DEFAULT_PRIVATE_KEY, metavar="KEY", help="key to accept"
    )
    parser.add_argument("--imagekit-id", default="demo", metavar="ID", help="name in the URL endpoint")
    parser.add_argument(
        "--latency",
        type=_duration,
        default=0.0,
        metavar="TIME",
        help="minimum time of every response, such as 100ms or 1.5s",
    )
    parser.add_argument(
        "--rate-limit",
        type=_rate_limit,
        action="append",
        default=[],
        metavar="N/TIME",
        help="rate limit of each endpoint, such as 100/s or 1000/15m; may be repeated (default: none)",
    )
    parser.add_argument(
        "--write-rate-limit",
        type=_rate_limit,
        action="append",
        default=[],
        metavar="N/TIME",
        help="rate limit of each endpoint that writes; may be repeated (default: as --rate-limit)",
    )
    parser.add_argument("--state", type=Path, metavar="DIR", help="folder that keeps uploads and changes")
    parser.add_argument(
        "--url-endpoint",
        type=_url_endpoint,
        action="append",
        default=[],
        metavar="URL",
        help="additional URL endpoint to serve, such as https://ik.imagekit.io/your_id; may be repeated",
    )
    parser.add_argument(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        metavar="JSON",
        help='initial fault, such as \'{"status": 503, "share": 0.1, "times": null}\'; may be repeated',
    )
    parser.add_argument(
        "--control",
        action="store_true",
        help=f"allow fault injection over HTTP, below {PREFIX} (default: off)",
    )
    parser.add_argument(
        "--job-time",
        type=_duration,
        default=0.0,
        metavar="TIME",
        help="how long purges and folder jobs stay pending, such as 2s (default: completed at once)",
    )
    parser.add_argument(
        "--webhook-host",
        action="append",
        default=[],
        metavar="HOST",
        help="host other than this machine to which webhooks may be sent; may be repeated",
    )
    parser.add_argument("--verbose", action="store_true", help="log every request to standard error")
    return parser


def _port(text: str) -> int:
    try:
        port = int(text)
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"the port is {text!r}; use a number from 0 to 65535")
    return port


def _key(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("the key is empty; omit the option to use the default key")
    return text


def _url_endpoint(text: str) -> str:
    try:
        return checked_url_endpoint(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _fault(text: str) -> Fault:
    try:
        return fault_from(json.loads(text))
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"the fault is not JSON: {error}") from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _duration(text: str) -> float:
    number, unit = (text[:-2], 0.001) if text.endswith("ms") else (text.removesuffix("s"), 1.0)
    try:
        seconds = float(number) * unit
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 3600:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time below one hour; write for example 100ms or 1.5s"
        )
    return seconds


def _rate_limit(text: str) -> RateLimit:
    try:
        return RateLimit.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _announce(emulator: ImageKitEmulator, options: argparse.Namespace) -> None:
    connection = shlex.quote(json.dumps(emulator.airflow_connection))
    lines = [
        f"export AIRFLOW_CONN_IMAGEKIT_DEFAULT={connection}",
        f"# library:      {options.library}",
        f"# API:          {emulator.url}",
        f"# URL endpoint: {emulator.url_endpoint}",
    ]
    if not emulator.files():
        lines.append("# The library has no files.")
    if options.host in ANY_ADDRESS and not options.public_host:
        lines.append("# This connection works on this machine only. For others, add --public-host NAME.")
    print("\n".join(lines), flush=True)


def _log_requests() -> None:
    log = logging.getLogger(REQUEST_LOGGER)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


def _wait() -> None:
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    ended.wait()
