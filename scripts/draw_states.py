"""Draws the documentation's state diagrams from the texts below."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

IMAGES = Path(__file__).parents[1] / "docs/images"
# A state is "key column,row kind: name | note"; an arrow is "from > to: label".
DIAGRAMS = {
    "sensor-states": """
        The states of PHashDistanceSensor
        start 0,0 plain: started | arguments are checked
        check 1,0 main: check | fetches the two hashes
        wait 1,1.5 main: waiting | worker, database or triggerer
        success 2,0 good: success | verdict in XCom
        failed 2,0.75 bad: failed | no retry
        over 2,1.5 bad: timed out | failed, or skipped with soft_fail
        start > check:
        check > success: matches
        check > failed: cannot match
        check > wait: not yet
        wait > check: poke_interval
        wait > over: timeout
    """,
    "library-states": """
        The states of a run over a media library
        list 0,1 main: list | lease taken; 1,000 files a call
        plan 1,1 main: plan | compared with the table
        fetch 2,1 main: fetch | one call per changed file
        publish 3,1 main: publish | table replaced in one step
        dry 1,0 good: dry run | the plan in XCom
        done 3,0 good: success | path and counts in XCom
        failed 2,2 bad: failed | old table and journal kept
        again 0,2 plain: next try | reads the journal
        list > plan:
        plan > fetch:
        plan > dry: dry_run
        plan > failed: too many deleted
        fetch > publish: within max_failed
        fetch > failed: too many failed
        publish > done:
        failed > again: retries
        again > list:
    """,
}
STYLE = """
text { font-family: system-ui, sans-serif; text-anchor: middle; fill: #1f2328 }
.name { font-size: 15px; font-weight: 600 } .note { font-size: 11.5px }
.label { font-size: 12px; fill: #3d444d; paint-order: stroke; stroke: #f6f8fa; stroke-width: 6px }
.box { stroke-width: 1.5; fill: #fff; stroke: #57606a } .good { fill: #dafbe1; stroke: #1a7f37 }
.bad { fill: #ffebe9; stroke: #cf222e } .main { fill: #ddf4ff; stroke: #0969da }
.line { stroke: #57606a; stroke-width: 1.5; fill: none; marker-end: url(#head) } .behind { fill: #f6f8fa }
"""
HEAD = (
    '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#57606a"/></marker>'
)
WIDTH, HEIGHT, COLUMN, ROW, MARGIN = 196, 54, 330, 130, 24


@dataclass(frozen=True)
class State:
    """A box of a diagram."""

    x: float
    y: float
    kind: str
    name: str
    note: str

    @property
    def middle(self) -> tuple[float, float]:
        return self.x + WIDTH / 2, self.y + HEIGHT / 2

    def svg(self) -> str:
        x, y = self.middle
        return (
            f'<rect class="box {self.kind}" x="{self.x:g}" y="{self.y:g}" rx="8" '
            f'width="{WIDTH}" height="{HEIGHT}"/>'
            f'<text class="name" x="{x:g}" y="{y - 4:g}">{escape(self.name)}</text>'
            f'<text class="note" x="{x:g}" y="{y + 15:g}">{escape(self.note)}</text>'
        )


def draw(text: str) -> str:
    """Return a diagram as SVG."""
    title, *lines = [line.strip() for line in text.strip().splitlines()]
    states = dict(_state(line) for line in lines if ">" not in line.partition(":")[0])
    pairs = [_arrow(line) for line in lines if ">" in line.partition(":")[0]]
    both = {(start, end) for start, end, _ in pairs} & {(end, start) for start, end, _ in pairs}
    width = max(state.x for state in states.values()) + WIDTH + MARGIN
    height = max(state.y for state in states.values()) + HEIGHT + MARGIN
    arrows = [
        _line(states[start], states[end], label, aside=14 if (start, end) in both else 0)
        for start, end, label in pairs
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">',
            f"<title>{escape(title)}</title><style>{STYLE}</style><defs>{HEAD}</defs>",
            f'<rect class="behind" width="{width:g}" height="{height:g}"/>',
            *arrows,
            *(state.svg() for state in states.values()),
            "</svg>\n",
        ]
    )


def _state(line: str) -> tuple[str, State]:
    head, _, texts = line.partition(":")
    key, place, kind = head.split()
    column, row = map(float, place.split(","))
    name, _, note = texts.partition("|")
    return key, State(MARGIN + column * COLUMN, MARGIN + row * ROW, kind, name.strip(), note.strip())


def _arrow(line: str) -> tuple[str, str, str]:
    ends, _, label = line.partition(":")
    start, end = ends.split(">")
    return start.strip(), end.strip(), label.strip()


def _line(start: State, end: State, label: str, aside: float) -> str:
    """Return an arrow from edge to edge; opposite arrows of a pair are drawn side by side."""
    (x1, y1), (x2, y2) = start.middle, end.middle
    if x1 == x2:
        shift, half = aside if y1 < y2 else -aside, HEIGHT / 2 if y1 < y2 else -HEIGHT / 2
        place = f'x="{x1 + 8 + shift:g}" style="text-anchor: start"'
        if shift < 0:
            place = f'x="{x1 - 8 + shift:g}" style="text-anchor: end"'
        path = f"M{x1 + shift:g} {y1 + half:g}L{x2 + shift:g} {y2 - half:g}"
        return f'<path class="line" d="{path}"/>{_label(label, place, (y1 + y2) / 2 + 4)}'
    half = WIDTH / 2 if x1 < x2 else -WIDTH / 2
    left, right = x1 + half, x2 - half
    path, place = f"M{left:g} {y1:g}L{right:g} {y2:g}", f'x="{(left + right) / 2:g}"'
    return f'<path class="line" d="{path}"/>{_label(label, place, (y1 + y2) / 2 + (4 if y1 != y2 else -8))}'


def _label(text: str, place: str, y: float) -> str:
    return f'<text class="label" {place} y="{y:g}">{escape(text)}</text>' if text else ""


if __name__ == "__main__":
    for name, text in DIAGRAMS.items():
        (IMAGES / f"{name}.svg").write_text(draw(text), "utf-8")
