"""A self-contained HTML page of near-duplicate groups."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from itertools import islice, repeat
from typing import IO, TYPE_CHECKING, Any, Final

from airflow_provider_imagekit.io.tables import json_text
from airflow_provider_imagekit.phash import PHASH_BITS
from airflow_provider_imagekit.report.thumbnails import thumbnail_step, thumbnail_url, web_url
from airflow_provider_imagekit.similarity.groups import GroupChunk
from airflow_provider_imagekit.similarity.near_duplicates import NearDuplicates
from airflow_provider_imagekit.similarity.origins import Origin
from airflow_provider_imagekit.similarity.records import as_number

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_imagekit.similarity.groups import Group

__all__ = ["write_groups_page"]

#: The box that thumbnails are fitted into, in pixels: twice what is shown, for dense screens.
THUMBNAIL: Final = (480, 360)

# Seconds and milliseconds only make a time harder to read.
_ISO_SECONDS: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d):\d\d(?:\.\d+)?")

_LABELS: Final = ("Dimensions", "File size", "Format", "Created", "Folder")

_PROPERTIES: Final = ("path", "url", "thumbnail", "size", "width", "height", "format", "created")
_PHASH: Final = f"%0{PHASH_BITS // 4}x"
_ORIGINS: Final = {origin: number for number, origin in enumerate(Origin)}
# Where these stand in what the page holds of a picture.
_DISTANCE, _ORIGIN, _BYTES = 5, 6, 7
_GROUPS_AT_ONCE: Final = 5_000


def write_groups_page(
    file: IO[bytes],
    groups: Iterable[Group] | NearDuplicates,
    *,
    title: str = "Near-duplicates",
    note: str = "",
    fields: Sequence[str] = (),
    thumbnail: tuple[int, int] = THUMBNAIL,
    kept: Iterable[str] = (),
    not_duplicates: Iterable[Collection[str]] = (),
    limit: int | None = None,
) -> int:
    """
    Write a page on which a person sees at a glance what to keep, and how far the others are from it.

    The page needs no server and no other file; the browser fetches thumbnails from ImageKit as they come into
    view. Nothing is downloaded here. Thousands of groups are paged, sorted and filtered in the browser.

    :param file: opened for writing bytes.
    :param groups: what a search returns, or some of its groups; pictures need a ``url`` to be seen.
    :param title: of the page.
    :param note: a sentence under the title, such as the folder and the radius.
    :param fields: further columns to compare, under the table's names.
    :param thumbnail: the box that thumbnails are fitted into, in pixels.
    :param kept: names of pictures that a person chose to keep before; the page saves them again with its own
        decisions.
    :param not_duplicates: pairs of names that a person marked as not duplicates before; likewise.
    :param limit: the number of groups to show of a search, the largest ones; all unless given.
    :return: how many bytes were written.
    """
    script, style = _asset("decisions.js") + _asset("groups.js"), _asset("groups.css")
    before, after = _asset("groups.html").split("@@DATA@@")
    values = {
        "TITLE": escape(title),
        "NOTE": escape(note),
        "STYLE": style,
        # Only this script may run: whatever a file's name holds, it stays text.
        "SCRIPT_HASH": b64encode(sha256(script.encode()).digest()).decode(),
        "SCRIPT": script,
    }
    step = thumbnail_step(*thumbnail)
    index: list[tuple[Any, ...]] = []
    written = file.write(_fill(before, values).encode())
    properties = dict.fromkeys((*_PROPERTIES, *fields))
    for chunk in _chunks(groups, properties, limit):
        pictures = list(_pictures(chunk, fields, step))
        begin = 0
        for reason, size in zip(chunk.reasons, chunk.sizes, strict=True):
            group = pictures[begin : begin + size]
            index.append(_summary(group))
            written += file.write(f"{_embedded([reason, *group])}\n".encode())
            begin += size
    data = {
        "labels": [*_LABELS, *fields],
        "bits": PHASH_BITS,
        "origins": [origin.value for origin in Origin],
        "thumbnail": step,
        "index": [*zip(*index, strict=True)] if index else [()] * 6,
        "decided": [*([name, ""] for name in sorted(kept)), *sorted(map(sorted, not_duplicates))],
    }
    return written + file.write((_embedded(data) + _fill(after, values)).encode())


def _chunks(
    groups: Iterable[Group] | NearDuplicates, properties: Collection[str], limit: int | None
) -> Iterator[GroupChunk]:
    if isinstance(groups, NearDuplicates):
        yield from groups.chunks(properties, limit)
        return
    remaining = islice(groups, limit)
    while part := list(islice(remaining, _GROUPS_AT_ONCE)):
        yield GroupChunk.of_groups(part, properties)


def _summary(group: Sequence[list[Any]]) -> tuple[Any, ...]:
    """Return what orders and filters need of a group, so that the browser reads only what it shows."""
    keeper, *copies = group
    origins = {picture[_ORIGIN] for picture in group}
    flags = (keeper[_ORIGIN] == _ORIGINS[Origin.REFERENCE]) + 2 * (_ORIGINS[Origin.KNOWN] in origins)
    distances = [copy[_DISTANCE] for copy in copies]
    sizes = sum(copy[_BYTES] for copy in copies)
    return keeper[1] or keeper[0], len(copies), sizes, min(distances), max(distances), flags


def _pictures(chunk: GroupChunk, fields: Sequence[str], step: str) -> Iterator[list[Any]]:
    """Yield what the page holds of each picture."""
    values = chunk.values
    paths = ["" if path is None else str(path) for path in values["path"]]
    urls = list(map(web_url, values["url"]))
    return map(
        list,
        zip(
            chunk.ids,
            (path.rpartition("/")[2] for path in paths),
            urls,
            map(_thumbnail, urls, values["thumbnail"], repeat(step)),
            map(_PHASH.__mod__, chunk.bits),
            chunk.distances,
            map(_ORIGINS.__getitem__, chunk.origins),
            (max(0, int(as_number(size))) for size in values["size"]),
            map(_dimensions, values["width"], values["height"]),
            map(_text, values["size"]),
            map(_text, values["format"]),
            (_ISO_SECONDS.sub(_shown_time, _text(created)) for created in values["created"]),
            (path.rpartition("/")[0] or "/" if path else "" for path in paths),
            *(map(_text, values[name]) for name in fields),
            strict=True,
        ),
    )


def _thumbnail(url: str | None, other: Any, step: str) -> Any:
    """Return the thumbnail's address; 1 where the browser can make it of the picture's."""
    if not url:
        return web_url(other)
    thumbnail = thumbnail_url(url, step)
    return 1 if thumbnail == f"{url}?tr={step}" else thumbnail


def _dimensions(width: Any, height: Any) -> str:
    columns, rows = int(as_number(width)), int(as_number(height))
    return f"{columns} × {rows}" if columns and rows else ""


def _shown_time(found: re.Match[str]) -> str:
    return f"{found[1]} {found[2]}"


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _embedded(data: Any) -> str:
    """Return JSON that no text inside can end the script element of."""
    return json_text(data).replace("<", "\\u003c")


def _asset(name: str) -> str:
    return files("airflow_provider_imagekit.report").joinpath(name).read_text(encoding="utf-8")


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Put each value in its place, once; a value that looks like another place stays text."""
    parts = template.split("@@")
    return "".join(values[part] if number % 2 else part for number, part in enumerate(parts))
