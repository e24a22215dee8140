"""Draws the package's parts and the imports between them as a diagram."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from html import escape
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PACKAGE = "airflow_provider_imagekit"
PICTURE = REPOSITORY / "docs/images/architecture.svg"
JOBS = {
    "operators": "operators of DAGs",
    "sensors": "sensors of DAGs",
    "triggers": "waiting in the triggerer",
    "hooks": "client from a Connection",
    "links": "links in the UI",
    "assets": "assets, their events, lineage",
    "gates": "one check of a gate",
    "library": "table of a media library",
    "similarity": "verdict, banks, duplicates",
    "client": "HTTP calls",
    "io": "files, tables, storage",
    "emulator": "the local ImageKit server",
    "phash": "hashes and their distance",
    "arguments": "parsing of rendered values",
    "exceptions": "all exceptions",
    "compat": "imports of Airflow",
    "provider_info": "metadata for Airflow",
}
LABEL = 'aria-label="Parts of the package; each imports only parts below it"'
STYLE = """
.box { fill: #fff; stroke: #57606a; stroke-width: 1.5 } .line { stroke: #8c959f; fill: none }
text { font-family: system-ui, sans-serif; text-anchor: middle; fill: #1f2328 }
.name { font-size: 14px; font-weight: 600 } .job { font-size: 11px }
"""
WIDTH, HEIGHT, GAP, FLOOR, MARGIN = 176, 46, 22, 104, 24


def arrows() -> dict[str, set[str]]:
    """Return for each part of the package the other parts that it imports."""
    found: dict[str, set[str]] = {}
    for module in sorted((REPOSITORY / PACKAGE).rglob("*.py")):
        part = module.relative_to(REPOSITORY / PACKAGE).parts[0].removesuffix(".py")
        if part != "__init__":
            found.setdefault(part, set()).update(_imported(module) - {part, "__version__"})
    return found


def _imported(module: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith(f"{PACKAGE}.")}


def floors(below: dict[str, set[str]]) -> list[list[str]]:
    """Return the parts by level; each is one level above the highest part that it imports."""
    height: dict[str, int] = {}
    while len(height) < len(below):
        for part in sorted(set(below) - set(height)):
            if below[part] <= set(height):
                height[part] = max((height[other] + 1 for other in below[part]), default=0)
    return [
        sorted(part for part in height if height[part] == floor) for floor in range(max(height.values()) + 1)
    ]


def shortest(below: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Return the imports that are not implied by longer paths (the transitive reduction)."""

    def reach(parts: Iterable[str]) -> set[str]:
        return {deeper for part in parts for deeper in below[part] | reach(below[part])}

    return {
        (part, other) for part in below for other in below[part] if other not in reach(below[part] - {other})
    }


def draw() -> str:
    """Return the drawing as SVG."""
    below = arrows()
    rows = floors(below)[::-1]
    width = MARGIN * 2 + max(len(row) for row in rows) * (WIDTH + GAP) - GAP
    place = {
        part: (
            (width - len(row) * (WIDTH + GAP) + GAP) // 2 + index * (WIDTH + GAP),
            MARGIN + floor * FLOOR,
        )
        for floor, row in enumerate(rows)
        for index, part in enumerate(row)
    }
    height = MARGIN * 2 + (len(rows) - 1) * FLOOR + HEIGHT
    lines = [_line(place[part], place[other]) for part, other in sorted(shortest(below))]
    boxes = [_box(part, *place[part]) for part in sorted(place)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" {LABEL}>',
            f"<style>{STYLE}</style>",
            f'<rect width="{width}" height="{height}" fill="#f6f8fa"/>',
            *lines,
            *boxes,
            "</svg>\n",
        ]
    )


def _box(part: str, x: int, y: int) -> str:
    middle = x + WIDTH // 2
    return (
        f'<rect class="box" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        f'<text class="name" x="{middle}" y="{y + 20}">{escape(part)}</text>'
        f'<text class="job" x="{middle}" y="{y + 36}">{escape(JOBS[part])}</text>'
    )


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    x, y = start[0] + WIDTH // 2, start[1] + HEIGHT
    to_x, to_y = end[0] + WIDTH // 2, end[1]
    return f'<path class="line" d="M{x} {y} C{x} {y + 30} {to_x} {to_y - 30} {to_x} {to_y}"/>'


if __name__ == "__main__":
    PICTURE.write_text(draw(), "utf-8")
