"""Report which radius suits a library: pairs found, pairs by chance, and labelled pairs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import accumulate, combinations
from math import sqrt
from random import Random
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_imagekit.io.progress import counted
from airflow_provider_imagekit.phash import PHASH_BITS, PHash
from airflow_provider_imagekit.similarity.distance import LEVELS, check_radius
from airflow_provider_imagekit.similarity.pairs.neighbours import NeighbourGraph
from airflow_provider_imagekit.similarity.pairs.pairs import MAX_PAIRS
from airflow_provider_imagekit.similarity.threshold.chance import fair_chance, fitted_chance, hard_chance
from airflow_provider_imagekit.similarity.verdict import is_low_information

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from airflow_provider_imagekit.similarity.records import HashRecord
    from airflow_provider_imagekit.similarity.threshold.labels import LabelledPair

__all__ = ["RadiusRow", "ThresholdReport", "threshold_report"]

#: Maximum number of pairs in the histogram; of more pairs a random sample is drawn.
SAMPLE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class RadiusRow:
    """
    Effect of a radius.

    :param radius: maximum distance, in bits.
    :param found_pairs: number of all pairs of the library within it.
    :param chance_pairs_low: pairs expected by chance if bits were random.
    :param chance_pairs: pairs expected by chance, from the spread of this library's distances.
    :param chance_pairs_high: pairs by chance measured in a hard set, scaled to this library's size.
    :param precision: share of the labelled pairs within it that are the same; ``None`` without such pairs.
    :param recall: share of the pairs labelled the same that are within it; ``None`` without such pairs.
    """

    radius: int
    found_pairs: int
    chance_pairs_low: float
    chance_pairs: float
    chance_pairs_high: float
    precision: float | None
    recall: float | None

    @property
    def false_share(self) -> float:
        """Share of the found pairs that are by chance at worst, 0 to 1."""
        if not self.found_pairs:
            return 0.0 if self.chance_pairs_high < 1 else 1.0
        return min(1.0, max(self.chance_pairs, self.chance_pairs_high) / self.found_pairs)


@dataclass(frozen=True, slots=True)
class ThresholdReport:
    """
    Effects of different radii in a library, and a suggested radius.

    :param pictures: number of pictures that were compared.
    :param left_out: number of pictures without a hash or with a low-information one.
    :param histogram: pairs at each distance from 0 to 64.
    :param histogram_is_sampled: whether the histogram counts a random sample instead of all pairs.
    :param rows: one for each radius from 0.
    :param labels: number of labelled pairs that were given.
    :param suggested_radius: the suggested radius, in bits; see :func:`threshold_report`.
    :param risk: the risk of the suggested radius, in words.
    """

    pictures: int
    left_out: int
    histogram: tuple[int, ...]
    histogram_is_sampled: bool
    rows: tuple[RadiusRow, ...]
    labels: int
    suggested_radius: int
    risk: str

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON."""
        return asdict(self)

    def as_markdown(self) -> str:
        """Return the table and the suggestion as Markdown, for a log or a page."""
        lines = [
            "| radius | pairs found | by chance: fair bits | this library | hard set | precision | recall |",
            "|---:|---:|---:|---:|---:|---:|---:|",
        ]
        for row in self.rows:
            chances = (row.chance_pairs_low, row.chance_pairs, row.chance_pairs_high)
            shares = (row.precision, row.recall)
            cells = [str(row.radius), f"{row.found_pairs:,}", *map(_count, chances), *map(_percent, shares)]
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join([*lines, "", f"Suggested radius: **{self.suggested_radius}**. {self.risk}"])


def threshold_report(
    records: Iterable[HashRecord],
    *,
    labels: Sequence[LabelledPair] = (),
    max_radius: object = 12,
    max_false_share: float = 0.05,
    min_precision: float = 0.99,
    low_information: Collection[PHash] = frozenset(),
    max_pairs: int = MAX_PAIRS,
) -> ThresholdReport:
    """
    Report which radius suits a library.

    The suggestion is one of the radii at which at most ``max_false_share`` of the pairs found are by chance.
    With labels, it is the one that finds the most pairs labelled the same, while at least ``min_precision``
    of the labelled pairs within it are the same. Without labels, it is the widest up to 8, because a person
    must review the pairs of wider ones.

    :param records: all pictures of the library; the number of chance pairs grows with its square.
    :param labels: pairs that a person judged (see
        :func:`~airflow_provider_imagekit.similarity.threshold.labels.read_labels`).
    :param max_radius: the widest radius to report, up to 16 bits.
    :param max_false_share: 0 to 1.
    :param min_precision: 0 to 1.
    :param low_information: hashes to leave out, in addition to zero.
    :param max_pairs: maximum number of pairs of distinct hashes.
    :raises ImageKitInputError: if there are too many pairs; use a smaller ``max_radius`` then.
    """
    widest = check_radius(max_radius, "max_distance")
    hashes, left_out = [], 0
    for record in records:
        if record.phash is None or is_low_information(record.phash, low_information):
            left_out += 1
        else:
            hashes.append(record.phash.bits)
    table = NeighbourGraph(hashes, (), radius=widest, max_pairs=max_pairs)
    histogram, is_sampled = _histogram(hashes)
    rows = tuple(_rows(table.distance_counts(), len(hashes), histogram, labels))
    suggested = _suggest(rows, max_false_share, min_precision, labelled=bool(labels))
    return ThresholdReport(
        pictures=len(hashes),
        left_out=left_out,
        histogram=tuple(histogram),
        histogram_is_sampled=is_sampled,
        rows=rows,
        labels=len(labels),
        suggested_radius=suggested.radius,
        risk=_risk(suggested, labels, max_false_share),
    )


def _histogram(hashes: Sequence[int]) -> tuple[list[int], bool]:
    """Count the pairs at each distance: all, or a random million that does not depend on the order."""
    histogram = [0] * (PHASH_BITS + 1)
    if len(hashes) * (len(hashes) - 1) // 2 <= SAMPLE:
        for one, other in combinations(hashes, 2):
            histogram[(one ^ other).bit_count()] += 1
        return histogram, False
    hashes = sorted(hashes)
    rng = Random(0)  # the same table gives the same report
    positions = range(len(hashes))
    for i, j in zip(rng.choices(positions, k=SAMPLE), rng.choices(positions, k=SAMPLE), strict=True):
        if i != j:
            histogram[(hashes[i] ^ hashes[j]).bit_count()] += 1
    return histogram, True


def _rows(
    found: Sequence[int], count: int, histogram: Sequence[int], labels: Sequence[LabelledPair]
) -> Iterator[RadiusRow]:
    pairs = count * (count - 1) / 2
    same = sum(label.same for label in labels)
    for radius, found_pairs in enumerate(accumulate(found)):
        within = [label for label in labels if label.distance <= radius]
        hits = sum(label.same for label in within)
        yield RadiusRow(
            radius=radius,
            found_pairs=found_pairs,
            chance_pairs_low=pairs * fair_chance(radius),
            chance_pairs=pairs * fitted_chance(histogram, radius),
            chance_pairs_high=pairs * hard_chance(radius),
            precision=hits / len(within) if within else None,
            recall=hits / same if same else None,
        )


def _suggest(
    rows: Sequence[RadiusRow], max_false_share: float, min_precision: float, *, labelled: bool
) -> RadiusRow:
    safe = [row for row in rows if row.false_share <= max_false_share]
    if labelled:
        precise = [row for row in safe if row.precision is None or row.precision >= min_precision]
        return max(precise, key=lambda row: (row.recall or 0, -row.radius), default=rows[0])
    return max(
        (row for row in safe if row.radius <= LEVELS["near_duplicate"]),
        key=lambda row: row.radius,
        default=rows[0],
    )


def _risk(row: RadiusRow, labels: Sequence[LabelledPair], max_false_share: float) -> str:
    parts = [
        f"Of {counted(row.found_pairs, 'pair')} found, about {_count(row.chance_pairs)} are by chance, from",
        f"the spread of this library's distances, or {_count(row.chance_pairs_high)} if its pictures are as",
        "similar as skies and walls.",
    ]
    if row.false_share > max_false_share:
        parts.append(f"That may be {row.false_share:.0%} of them: review them, or compare smaller folders.")
    within = [label for label in labels if label.distance <= row.radius]
    if within:
        hits = sum(label.same for label in within)
        parts.append(
            f"Of {counted(len(within), 'labelled pair')} within it, {hits:,} are the same. From this number "
            f"of labels, the precision is at least {_at_least(hits, len(within)):.0%} (95 % confidence)."
        )
    if row.recall is not None:
        parts.append(f"It finds {row.recall:.0%} of the pairs labelled the same.")
    return " ".join(parts)


def _at_least(hits: int, count: int) -> float:
    """Return the lower bound of Wilson's one-sided 95 % interval of a share."""
    z = 1.645
    share = hits / count
    spread = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, (share + z * z / (2 * count) - spread) / (1 + z * z / count))


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _count(pairs: float) -> str:
    if pairs >= 10:
        return f"{pairs:,.0f}"
    return f"{pairs:.2g}" if pairs >= 0.01 else "< 0.01"
