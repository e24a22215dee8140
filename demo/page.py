"""Renders the report as one self-contained HTML file: pictures side by side, with the bits that differ."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template

from demo.report import Comparison, Picture, Report, Scenario, kilobytes

TEMPLATE = Path(__file__).with_name("page.html")
BITS = 64


def as_html(report: Report) -> str:
    """Return the page; every text in it is escaped."""
    similar = sum(comparison.decision == "similar" for comparison in report.comparisons)
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        source=escape(report.source),
        max_distance=report.max_distance,
        picture_count=len(report.pictures),
        comparison_count=len(report.comparisons),
        similar_count=similar,
        scenario_count=len(report.scenarios),
        comparisons="\n".join(_comparison(c, report.max_distance) for c in report.comparisons),
        pictures="\n".join(map(_picture, report.pictures)),
        scenarios="\n".join(map(_scenario, report.scenarios)),
    )


def bits_of(phash: str) -> list[bool]:
    """Return the 64 bits of a hash, most significant first; an empty list for an empty hash."""
    return [digit == "1" for digit in f"{int(phash, 16):0{BITS}b}"] if phash else []


def _comparison(comparison: Comparison, max_distance: int) -> str:
    first, second = comparison.first, comparison.second
    known = comparison.distance is not None
    return f"""\
<article class="card {escape(comparison.decision)}">
  <div class="pair">{_figure(first)}{_figure(second)}</div>
  <div class="verdict">
    {_bits(first.phash, second.phash)}
    <div class="numbers">
      <p class="distance"><b>{comparison.distance if known else "–"}</b> of {BITS} bits differ</p>
      <p class="muted">{f"{comparison.similarity:.1%} similar" if known else "is undecidable"}</p>
      <span class="badge">{escape(comparison.decision)}</span>
    </div>
  </div>
  <div class="scale">
    <i style="width:{(comparison.distance or 0) / BITS:.1%}"></i>
    <u style="left:{max_distance / BITS:.1%}" title="max_distance={max_distance}"></u>
  </div>
  <p class="how">{escape(comparison.how)}</p>
</article>"""


def _figure(picture: Picture) -> str:
    details = f"{picture.width} × {picture.height} {escape(picture.format)}"
    caption = f"<figcaption>{escape(picture.path)}<span>{details}</span></figcaption>"
    return f"<figure>{_preview(picture)}{caption}</figure>"


def _preview(picture: Picture) -> str:
    if not picture.preview:
        return '<div class="frame empty">no preview</div>'
    source, name = escape(picture.preview), escape(picture.path)
    return f'<div class="frame"><img src="{source}" alt="{name}" loading="lazy"></div>'


def _bits(phash: str, other: str = "") -> str:
    """Draw a hash as 8 x 8 squares; those that differ from the other hash are highlighted."""
    mine, theirs = bits_of(phash), bits_of(other)
    squares = []
    for i, bit in enumerate(mine):
        kind = "differs" if theirs and bit != theirs[i] else "one" if bit else "zero"
        place = f'x="{i % 8 * 10}" y="{i // 8 * 10}"'
        squares.append(f'<rect class="{kind}" {place} width="9" height="9" rx="2"/>')
    label = escape(f"pHash {phash} compared with {other}" if other else f"pHash {phash}")
    return f'<svg class="bits" viewBox="0 0 79 79" role="img" aria-label="{label}">{"".join(squares)}</svg>'


def _picture(picture: Picture) -> str:
    cells = (
        _preview(picture),
        escape(picture.path),
        f"{picture.width} × {picture.height}",
        kilobytes(picture.size),
        escape(picture.format),
        escape(picture.camera) or '<span class="muted">–</span>',
        f"{_bits(picture.phash)}<code>{escape(picture.phash)}</code>",
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _scenario(scenario: Scenario) -> str:
    kind = "similar" if scenario.state == "success" else "different"
    return f"""\
<li class="{kind}">
  <div><b>{escape(scenario.title)}</b><code>{escape(scenario.dag_id)}</code></div>
  <p>{escape(scenario.outcome)}</p>
  <span class="badge">{escape(scenario.state)}</span>
  <span class="muted">{scenario.seconds:.1f} s</span>
</li>"""
