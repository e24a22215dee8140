"""The page at ``/``: the library as thumbnails with ids and hashes, to look at with a browser."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.emulator.account import THUMBNAIL
from airflow_provider_imagekit.emulator.errors import ApiError
from airflow_provider_imagekit.emulator.routes.objects import file_url

if TYPE_CHECKING:
    from airflow_provider_imagekit.emulator.account import Account
    from airflow_provider_imagekit.emulator.library.assets import Asset

__all__ = ["start_page"]

PAGE_SIZE = 60

_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem; color: #223 }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1rem }
figure { margin: 0; padding: .8rem; border: 1px solid #dde; border-radius: .5rem }
figure a { display: flex; height: 7rem; align-items: center; justify-content: center; background: #f4f5f9 }
img { max-width: 100%; max-height: 100% }
figcaption { margin-top: .5rem; overflow-wrap: anywhere }
code { font-size: .85em; color: #556 }
"""


def start_page(account: Account, url_endpoint: str, page: int) -> str:
    """
    Return one page of the library as HTML; the pictures on it are measured.

    :param account: the account.
    :param url_endpoint: URL endpoint for the addresses.
    :param page: number of the page, from 1.
    """
    assets = account.library.assets()
    shown = assets[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    figures = "\n".join(_figure(account, url_endpoint, asset) for asset in shown)
    last = max(1, -(-len(assets) // PAGE_SIZE))
    pages = " ".join(
        f"<b>{number}</b>" if number == page else f'<a href="/?page={number}">{number}</a>'
        for number in range(max(1, page - 5), min(last, page + 5) + 1)
    )
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>ImageKit emulator</title><style>{_STYLE}</style></head>
<body>
<h1>ImageKit emulator</h1>
<p>{len(assets)} files at <code>{escape(url_endpoint)}</code>. Page {pages} of {last}.
What the server answers is <a href="/openapi.json">described for programs</a>.</p>
<main>
{figures}
</main>
</body>
</html>
"""


def _figure(account: Account, url_endpoint: str, asset: Asset) -> str:
    metadata = _metadata(account, asset)
    size = f"{metadata['width']} × {metadata['height']}, " if "width" in metadata else ""
    details = [f"{size}{metadata.get('format', 'not readable')}, {metadata.get('size', 0):,} bytes"]
    details += [
        f"<code>{asset.id}</code>",
        f"pHash <code>{metadata['pHash']}</code>" if "pHash" in metadata else "no pHash",
    ]
    picture = escape(asset.name)
    if "width" in metadata:
        thumbnail = escape(file_url(f"{url_endpoint}/tr:n-{THUMBNAIL}", asset.path))
        picture = f'<img loading="lazy" src="{thumbnail}" alt="{picture}">'
    link = escape(file_url(url_endpoint, asset.path))
    return (
        f'<figure><a href="{link}">{picture}</a>'
        f"<figcaption><b>{escape(asset.path)}</b><br>{'<br>'.join(details)}</figcaption></figure>"
    )


def _metadata(account: Account, asset: Asset) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(account.measurer.metadata(asset, asset.current))
    except (ApiError, FileNotFoundError):
        return {}
    return answer
