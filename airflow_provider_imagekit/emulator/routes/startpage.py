"""The web page at ``/``, which shows the library's thumbnails, ids and hashes."""

from __future__ import annotations

import json
import shlex
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from airflow_provider_imagekit.emulator.account import THUMBNAIL
from airflow_provider_imagekit.emulator.errors import ApiError
from airflow_provider_imagekit.emulator.routes.objects import connection, file_url

if TYPE_CHECKING:
    from airflow_provider_imagekit.emulator.account import Account
    from airflow_provider_imagekit.emulator.library.assets import Asset

__all__ = ["HEADERS", "start_page"]

PAGE_SIZE = 60
_PAGES_AROUND = 5
_KEY_PLACEHOLDER = "YOUR_PRIVATE_KEY"

#: The page contains no script, so the browser must not run any.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def start_page(account: Account, base_url: str, page: int, search: str) -> str:
    """
    Render one page of the library as HTML and measure the pictures on it.

    :param account: the account.
    :param base_url: scheme, host and port under which the browser reaches the server.
    :param page: page number, from 1.
    :param search: part of a path or id; all files if empty.
    """
    url_endpoint = f"{base_url}/{account.imagekit_id}"
    assets = account.library.assets()
    text = search.casefold()
    matching = [asset for asset in assets if text in asset.path.casefold() or text == asset.id]
    last = max(1, -(-len(matching) // PAGE_SIZE))
    # The page is accessible without a key, so it must not show a key that the user chose.
    key = account.keyring.valid if account.keyring.is_default else _KEY_PLACEHOLDER
    return _template().render(
        total=len(assets),
        matching=len(matching),
        search=search,
        url_endpoint=url_endpoint,
        connection=shlex.quote(json.dumps(connection(base_url, account.imagekit_id, key))),
        key_is_shown=account.keyring.is_default,
        key_placeholder=_KEY_PLACEHOLDER,
        page=page,
        pages=range(max(1, page - _PAGES_AROUND), min(last, page + _PAGES_AROUND) + 1),
        last=last,
        items=[
            _item(account, url_endpoint, asset)
            for asset in matching[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        ],
    )


@cache
def _template() -> Template:
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("startpage.html")


def _item(account: Account, url_endpoint: str, asset: Asset) -> dict[str, Any]:
    metadata = _metadata(account, asset)
    shown = "width" in metadata
    return {
        "id": asset.id,
        "name": asset.name,
        "path": asset.path,
        "link": file_url(url_endpoint, asset.path),
        "thumbnail": file_url(f"{url_endpoint}/tr:n-{THUMBNAIL}", asset.path) if shown else "",
        "width": metadata.get("width"),
        "height": metadata.get("height"),
        "format": metadata.get("format", "not readable"),
        "size": f"{metadata.get('size', 0):,}",
        "phash": metadata.get("pHash"),
    }


def _metadata(account: Account, asset: Asset) -> dict[str, Any]:
    try:
        metadata: dict[str, Any] = json.loads(account.measurer.metadata(asset, asset.current))
    except (ApiError, FileNotFoundError):
        return {}
    return metadata
