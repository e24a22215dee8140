"""A Markdown table of near-duplicates beside the pictures to keep, e.g. for Airflow's *Required Actions*."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from airflow_provider_imagekit.similarity.review.thumbnails import thumbnail_step, thumbnail_url, web_url

__all__ = ["groups_markdown"]

_STEP: Final = thumbnail_step(200, 150)
# A file's path is untrusted text; it must not end its cell or become a link.
_MARKUP: Final = re.compile(r"[\\`*\[\]<>|~&!]")
_IN_URL: Final = ":/?#@$&'*+,;=%~"


def groups_markdown(rows: Iterable[Mapping[str, Any]], *, limit: int = 100) -> str:
    """
    Return a Markdown table with a row for each picture that is not kept, and thumbnails from ImageKit.

    :param rows: the table of groups that a search writes, the picture to keep first in each group.
    :param limit: maximum number of rows; a line below the table states the number of the others.
    :return: the table; empty if there are no near-duplicates.
    """
    lines: list[str] = []
    others, keeper = 0, ""
    for row in rows:
        if row["keep"]:
            keeper = _picture(row)
        elif len(lines) < limit:
            lines.append(f"| {keeper} | {_picture(row)} | {row['distance']} |")
        else:
            others += 1
    if not lines:
        return ""
    table = "\n".join(["| keep | looks like it | bits apart |", "|---|---|---:|", *lines])
    return f"{table}\n\nand {others:,} more" if others else table


def _picture(row: Mapping[str, Any]) -> str:
    url = web_url(row.get("url"))
    name = _MARKUP.sub(r"\\\g<0>", " ".join(str(row.get("path") or row["id"]).split()))
    return f"![]({quote(thumbnail_url(url, _STEP), safe=_IN_URL)}) {name}" if url else name
