"""A self-contained HTML page of near-duplicate groups."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import IO, TYPE_CHECKING, Any, Final

from airflow_provider_imagekit.phash import PHASH_BITS
from airflow_provider_imagekit.report.thumbnails import thumbnail_url, web_url

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from airflow_provider_imagekit.similarity.groups import Group, Member
    from airflow_provider_imagekit.similarity.records import HashRecord

__all__ = ["write_groups_page"]

#: The box that thumbnails are fitted into, in pixels: twice what is shown, for dense screens.
THUMBNAIL: Final = (480, 360)

# Seconds and milliseconds only make a time harder to read.
_ISO_SECONDS: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d):\d\d(?:\.\d+)?")

_LABELS: Final = ("Dimensions", "File size", "Format", "Created", "Folder")


def write_groups_page(
    file: IO[bytes],
    groups: Iterable[Group],
    *,
    title: str = "Near-duplicates",
    note: str = "",
    fields: Sequence[str] = (),
    thumbnail: tuple[int, int] = THUMBNAIL,
    kept: Iterable[str] = (),
    not_duplicates: Iterable[Collection[str]] = (),
) -> int:
    """
    Write a page on which a person sees at a glance what to keep, and how far the others are from it.

    The page needs no server and no other file; the browser fetches thumbnails from ImageKit as they come into
    view. Nothing is downloaded here. Thousands of groups are paged, sorted and filtered in the browser.

    :param file: opened for writing bytes.
    :param groups: as a search returns them; pictures need a ``url`` to be seen.
    :param title: of the page.
    :param note: a sentence under the title, such as the folder and the radius.
    :param fields: further columns to compare, under the table's names.
    :param thumbnail: the box that thumbnails are fitted into, in pixels.
    :param kept: names of pictures that a person chose to keep before; the page saves them again with its own
        decisions.
    :param not_duplicates: pairs of names that a person marked as not duplicates before; likewise.
    :return: how many bytes were written.
    """
    data = {
        "labels": [*_LABELS, *fields],
        "bits": PHASH_BITS,
        "groups": [_group(group, fields, thumbnail) for group in groups],
        "decided": [*([name, ""] for name in sorted(kept)), *sorted(map(sorted, not_duplicates))],
    }
    script, style = _asset("decisions.js") + _asset("groups.js"), _asset("groups.css")
    page = _fill(
        _asset("groups.html"),
        TITLE=escape(title),
        NOTE=escape(note),
        STYLE=style,
        # Only this script may run: whatever a file's name holds, it stays text.
        SCRIPT_HASH=b64encode(sha256(script.encode()).digest()).decode(),
        SCRIPT=script,
        DATA=_embedded(data),
    ).encode()
    file.write(page)
    return len(page)


def _group(group: Group, fields: Sequence[str], thumbnail: tuple[int, int]) -> dict[str, Any]:
    return {
        "reason": group.reason,
        "keeper": _picture(group.keeper, fields, thumbnail),
        "members": [_picture(member, fields, thumbnail) for member in group.members],
    }


def _picture(member: Member, fields: Sequence[str], thumbnail: tuple[int, int]) -> dict[str, Any]:
    record = member.record
    url = web_url(record.get("url"))
    path = str(record.get("path") or "")
    return {
        "id": record.id,
        "name": path.rpartition("/")[2] or record.id,
        "url": url,
        "thumbnail": thumbnail_url(url, *thumbnail) if url else web_url(record.get("thumbnail")),
        "phash": str(record.phash),
        "distance": member.distance,
        "origin": member.origin.value,
        "bytes": max(0, int(record.number("size"))),
        "values": [*_values(record, path), *(_text(record.get(name)) for name in fields)],
    }


def _values(record: HashRecord, path: str) -> list[str]:
    width, height = int(record.number("width")), int(record.number("height"))
    return [
        f"{width} × {height}" if width and height else "",
        _text(record.get("size")),
        _text(record.get("format")),
        _ISO_SECONDS.sub(r"\1 \2", _text(record.get("created"))),
        path.rpartition("/")[0] or "/" if path else "",
    ]


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _embedded(data: Any) -> str:
    """Return JSON that no text inside can end the script element of."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _asset(name: str) -> str:
    return files("airflow_provider_imagekit.report").joinpath(name).read_text(encoding="utf-8")


def _fill(template: str, **values: str) -> str:
    """Put each value in its place, once; a value that looks like another place stays text."""
    parts = template.split("@@")
    return "".join(values[part] if number % 2 else part for number, part in enumerate(parts))
