"""The results of the demo, and their tables for the terminal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

MARKS = {"similar": "=", "different": "x", "undecidable": "?", "success": "ok"}


@dataclass(frozen=True)
class Picture:
    """
    A picture with its metadata from ImageKit.

    :param preview: a small copy as a ``data:`` URI; empty if there is none.
    """

    path: str
    width: int
    height: int
    size: int
    format: str
    camera: str
    phash: str
    preview: str = ""

    @classmethod
    def of(cls, path: str, metadata: dict[str, Any], preview: str = "") -> Picture:
        """Create a picture from its metadata; every key can be absent."""
        made = (metadata.get("exif") or {}).get("image") or {}
        return cls(
            path=path,
            width=metadata.get("width") or 0,
            height=metadata.get("height") or 0,
            size=metadata.get("size") or 0,
            format=metadata.get("format") or "",
            camera=_camera(str(made.get("Make") or ""), str(made.get("Model") or "")),
            phash=metadata.get("pHash") or "",
            preview=preview,
        )


def _camera(make: str, model: str) -> str:
    """Return make and model, without repeating a make with which the model begins."""
    brand = make.partition(" ")[0]
    return model if brand and model.startswith(brand) else f"{make} {model}".strip()


@dataclass(frozen=True)
class Comparison:
    """
    A comparison of two pictures.

    :param how: relation of the second picture to the first; details may follow after a colon.
    :param distance: 0 to 64 bits; ``None`` if it is undecidable.
    """

    first: Picture
    second: Picture
    how: str
    distance: int | None
    similarity: float | None
    decision: str


@dataclass(frozen=True)
class Scenario:
    """A DAG run, its final state, and its result as a sentence."""

    title: str
    dag_id: str
    state: str
    seconds: float
    outcome: str


@dataclass
class Report:
    """
    The content of the demo's page.

    :param source: description of the ImageKit server or account.
    :param max_distance: maximum distance of similar pictures.
    """

    source: str
    max_distance: int
    pictures: list[Picture] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    scenarios: list[Scenario] = field(default_factory=list)

    @property
    def succeeded(self) -> bool:
        return all(scenario.state == "success" for scenario in self.scenarios)


def as_text(report: Report) -> str:
    """Return the report as three tables for a terminal."""
    pictures = [
        (p.path, f"{p.width} x {p.height}", kilobytes(p.size), p.format, p.camera or "-", p.phash or "-")
        for p in report.pictures
    ]
    comparisons = [
        (
            c.first.path,
            c.second.path,
            c.how.partition(": ")[0],
            "-" if c.distance is None else str(c.distance),
            "-" if c.similarity is None else f"{c.similarity:.1%}",
            f"{MARKS[c.decision]} {c.decision}",
        )
        for c in report.comparisons
    ]
    scenarios = [(s.dag_id, f"{s.seconds:.1f} s", s.state, s.outcome) for s in report.scenarios]
    return "\n\n".join(
        (
            _table("PICTURES", ("path", "pixels", "size", "format", "camera", "pHash"), pictures),
            _table(
                f"COMPARISONS (similar: at most {report.max_distance} of 64 bits differ)",
                ("picture", "compared with", "which is", "distance", "similarity", "decision"),
                comparisons,
            ),
            _table("DAGS", ("dag", "time", "state", "outcome"), scenarios),
        )
    )


def kilobytes(size: int) -> str:
    """Format a size in bytes as kilobytes."""
    return f"{size / 1000:.0f} kB"


def _table(title: str, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    rule = tuple("-" * width for width in widths)
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, rule, *rows]
    ]
    return "\n".join([title, "", *lines])
