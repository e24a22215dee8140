"""A self-contained HTML page of near-duplicate groups."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from itertools import accumulate, chain, compress, count, islice
from typing import IO, TYPE_CHECKING, Any, Final

from airflow_provider_imagekit.io.text_columns import (
    Column,
    as_text,
    changed,
    coded,
    found,
    hash_texts,
    is_arrow,
    joined,
    json_parts,
    json_text,
    listed,
    replaced,
    taken,
    text_column,
)
from airflow_provider_imagekit.phash import PHASH_BITS
from airflow_provider_imagekit.similarity.groups import GroupChunk
from airflow_provider_imagekit.similarity.near_duplicates import NearDuplicates
from airflow_provider_imagekit.similarity.origins import Origin
from airflow_provider_imagekit.similarity.records import as_numbers
from airflow_provider_imagekit.similarity.review.thumbnails import (
    PLAIN,
    thumbnail_step,
    thumbnail_url,
    web_url,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_imagekit.similarity.groups import Group

__all__ = ["write_groups_page"]

#: The box that thumbnails are fitted into, in pixels: twice the displayed size, for high-density screens.
THUMBNAIL: Final = (480, 360)

# Times are shown without seconds.
_ISO_SECONDS: Final = r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}):[0-9]{2}(?:\.[0-9]+)?"

_LABELS: Final = ("Dimensions", "File size", "Format", "Created", "Folder")

_PROPERTIES: Final = ("path", "url", "thumbnail", "size", "width", "height", "format", "created")
_ORIGINS: Final = {origin: number for number, origin in enumerate(Origin)}
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
    Write a page that shows the pictures to keep and the distances of their near-duplicates.

    The page needs no server and no other file. The browser fetches thumbnails from ImageKit as they scroll
    into view; nothing is downloaded here. The browser pages, sorts and filters thousands of groups.

    :param file: opened for writing bytes.
    :param groups: the result of a search, or some of its groups; pictures need a ``url`` to be shown.
    :param title: title of the page.
    :param note: a sentence under the title, such as the folder and the radius.
    :param fields: further columns to compare, under the table's names.
    :param thumbnail: the box that thumbnails are fitted into, in pixels.
    :param kept: names of pictures that a person chose to keep earlier; the page saves them together with its
        new decisions.
    :param not_duplicates: pairs of names that a person marked as not duplicates earlier; likewise.
    :param limit: maximum number of groups to show, largest first; ``None`` for all.
    :return: number of bytes written.
    """
    script, style = _asset("decisions.js") + _asset("groups.js"), _asset("groups.css")
    before, after = _asset("groups.html").split("@@DATA@@")
    values = {
        "TITLE": escape(title),
        "NOTE": escape(note),
        "STYLE": style,
        # Only this script may run, so a file's name can never run as one.
        "SCRIPT_HASH": b64encode(sha256(script.encode()).digest()).decode(),
        "SCRIPT": script,
    }
    step = thumbnail_step(*thumbnail)
    index: list[tuple[Any, ...]] = []
    written = file.write(_fill(before, values).encode())
    properties = dict.fromkeys((*_PROPERTIES, *fields))
    for chunk in _chunks(groups, properties, limit):
        lines, summaries = _lines(chunk, fields, step)
        index += summaries
        written += file.write(lines)
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


def _lines(chunk: GroupChunk, fields: Sequence[str], step: str) -> tuple[bytes, list[tuple[Any, ...]]]:
    """Return a line of JSON for each group, and a summary of it for sorting and filtering."""
    like = chunk.ids
    values = {name: as_text(column, like=like, absent="") for name, column in chunk.values.items()}
    folders, names = _split_paths(values["path"])
    urls, thumbnails = _urls(chunk.values["url"], chunk.values["thumbnail"], step, like)
    width, height, size = (as_numbers(chunk.values[name]) for name in ("width", "height", "size"))
    sizes = [max(0, int(number)) for number in size]
    origins = list(map(_ORIGINS.__getitem__, chunk.origins))
    columns = (
        *(chunk.ids, names, urls, hash_texts(chunk.bits, like=like)),
        coded(range(PHASH_BITS + 1), chunk.distances, like=like),
        coded(range(len(_ORIGINS)), origins, like=like),
        *(sizes, text_column(list(map(_dimensions, width, height)), like=like)),
        *(values["size"], values["format"], replaced(values["created"], _ISO_SECONDS, r"\1 \2")),
        folders,
        *map(values.__getitem__, fields),
    )
    cells = list(map(json_parts, columns))
    cells.insert(3, [thumbnails])
    before = [
        text
        for reason, size in zip(chunk.reasons, chunk.sizes, strict=True)
        for text in (f"[{json_text(reason)},[", *[",["] * (size - 1))
    ]
    after = [text for size in chunk.sizes for text in (*["]"] * (size - 1), "]]\n")]
    parts = chain([before], *([*cell, ","] for cell in cells[:-1]), [*cells[-1], after])
    return joined(parts).replace(b"<", b"\\u003c"), list(_summaries(chunk, names, sizes, origins))


def _split_paths(column: Column) -> tuple[Column, Column]:
    """Return the folders of paths (``/`` if there is none) and the file names."""
    if not is_arrow(column):
        parts = [path.rpartition("/") for path in column]
        folders = [head or ("/" if slash or name else "") for head, slash, name in parts]
        return folders, [name for _, _, name in parts]
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    parts = pc.split_pattern(column, "/", max_splits=1, reverse=True)
    texts, count = parts.flatten(), pc.list_value_length(parts)
    ends = pc.cumulative_sum(count)
    heads = texts.take(pc.subtract(ends, count))
    inside = pc.and_(pc.greater(count, 1), pc.not_equal(heads, ""))
    folders = pc.if_else(inside, heads, pc.if_else(pc.equal(column, ""), "", "/"))
    return folders, texts.take(pc.subtract(ends, 1))


def _summaries(
    chunk: GroupChunk, names: Column, sizes: list[int], origins: list[int]
) -> Iterator[tuple[Any, ...]]:
    keepers = list(accumulate(chunk.sizes[:-1], initial=0)) if chunk.sizes else []
    shown = (listed(taken(column, keepers)) for column in (names, chunk.ids))
    for keeper, size, name, number in zip(keepers, chunk.sizes, *shown, strict=True):
        end = keeper + size
        copies, distances = slice(keeper + 1, end), chunk.distances[keeper + 1 : end]
        known = _ORIGINS[Origin.KNOWN] in origins[keeper:end]
        flags = (origins[keeper] == _ORIGINS[Origin.REFERENCE]) + 2 * known
        yield name or number, size - 1, sum(sizes[copies]), min(distances), max(distances), flags


def _urls(urls: Column, others: Column, step: str, like: Column) -> tuple[Column, list[str]]:
    """Return URLs, and thumbnail URLs as JSON: 1 where the browser can derive it from the URL."""
    if not (is_arrow(urls) and is_arrow(like)):
        urls = text_column([url if isinstance(url, str) else None for url in listed(urls)], like=like)
    plain = zip(listed(found(urls, PLAIN)), listed(found(urls, "/tr:")), strict=True)
    unusual = [not is_plain or step for is_plain, step in plain]
    urls = changed(urls, unusual, web_url)
    thumbnails, places = ["1"] * len(unusual), list(compress(count(), unusual))
    rows = zip(places, *(listed(taken(column, places)) for column in (urls, others)), strict=True)
    for place, url, other in rows:
        thumbnails[place] = json_text(_thumbnail(url, other, step))
    return urls, thumbnails


def _thumbnail(url: str | None, other: Any, step: str) -> Any:
    """Return the thumbnail's URL; 1 where the browser can derive it from the picture's."""
    if not url:
        return web_url(other)
    thumbnail = thumbnail_url(url, step)
    return 1 if thumbnail == f"{url}?tr={step}" else thumbnail


def _dimensions(width: float, height: float) -> str:
    columns, rows = int(width), int(height)
    return f"{columns} × {rows}" if columns and rows else ""


def _embedded(data: Any) -> str:
    """Return JSON in which no text can end the script element."""
    return json_text(data).replace("<", "\\u003c")


def _asset(name: str) -> str:
    return files("airflow_provider_imagekit.similarity.review").joinpath(name).read_text(encoding="utf-8")


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Replace each placeholder once; a value that looks like a placeholder is not replaced."""
    parts = template.split("@@")
    return "".join(values[part] if number % 2 else part for number, part in enumerate(parts))
