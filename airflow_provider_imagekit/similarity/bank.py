"""One picture against many: a bank of hashes that is asked for the nearest and for all near ones."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.io.text_columns import filtered, listed, taken
from airflow_provider_imagekit.phash import PHASH_BITS, PHash
from airflow_provider_imagekit.similarity.bank_search import NumpyScan, PythonIndex
from airflow_provider_imagekit.similarity.pairs.pairs import places_in, use_numpy
from airflow_provider_imagekit.similarity.pictures import Pictures
from airflow_provider_imagekit.similarity.records import HashRecord
from airflow_provider_imagekit.similarity.verdict import Decision, is_low_information

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from airflow_provider_imagekit.similarity.distance import DistanceBounds

__all__ = ["MAX_MATCHES", "BankVerdict", "Match", "PHashBank", "judge_against"]

#: Matches that a verdict lists unless asked for more.
MAX_MATCHES = 100


@dataclass(frozen=True, slots=True)
class Match:
    """
    A picture of the bank, and how far it is.

    :param id: its name in the bank.
    :param phash: its hash.
    :param distance: 0 to 64.
    """

    id: str
    phash: PHash
    distance: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {"id": self.id, "phash": str(self.phash), "distance": self.distance}


class PHashBank:
    """
    Hashes that pictures are compared with: banned pictures, approved masters, the catalogue.

    Exact. A million hashes take 8 MB and their names, and with NumPy one look is a scan of 2 milliseconds;
    without it, an index of 16 MB more answers as fast within a small radius.

    :param records: the pictures; those without a hash or with a low-information one are left out and counted
        in ``skipped``.
    :param low_information: hashes besides zero to leave out.
    """

    def __init__(
        self,
        records: Iterable[HashRecord] | Pictures,
        *,
        low_information: Collection[PHash] = frozenset(),
    ) -> None:
        pictures = records if isinstance(records, Pictures) else Pictures.of_records(records)
        # A picture without a hash has a zero in its place.
        low = places_in(pictures.bits, {0, *(phash.bits for phash in low_information)})
        self.skipped = len(low)
        self._ids, self._hashes = pictures.ids, pictures.bits
        if low:
            useful = bytearray(b"\x01") * len(pictures)
            for place in low:
                useful[place] = 0
            self._ids = filtered(pictures.ids, useful)
            self._hashes = array("Q", compress(pictures.bits, useful))
        search = NumpyScan if use_numpy() else PythonIndex
        self._search: NumpyScan | PythonIndex = search(self._hashes)

    @classmethod
    def of(cls, phashes: Iterable[str], **options: Any) -> PHashBank:
        """
        Make a bank of bare hashes, which are then also the pictures' names.

        :param phashes: hashes as :meth:`PHash.parse` reads them.
        :param options: as for the class.
        """
        parsed = (PHash.parse(text) for text in phashes)
        return cls((HashRecord(str(phash), phash) for phash in parsed), **options)

    def __len__(self) -> int:
        return len(self._hashes)

    def nearest(self, phash: PHash) -> Match | None:
        """Return the nearest picture, the first of several; ``None`` if the bank is empty."""
        if not self._hashes:
            return None
        distance, position = self._search.nearest(phash.bits)
        return self._match(distance, position)

    def within(self, phash: PHash, radius: int, *, limit: int | None = None) -> tuple[list[Match], int]:
        """
        Find all pictures within a radius.

        :param phash: the hash to compare with the bank.
        :param radius: the largest distance.
        :param limit: return no more than this.
        :return: the matches, nearest first and then in the bank's order, and how many there are in all.
        """
        if not self._hashes or radius < 0:
            return [], 0
        hits, count = self._search.within(phash.bits, radius, len(self) if limit is None else limit)
        return [self._match(*hit) for hit in hits], count

    def _match(self, distance: int, position: int) -> Match:
        return Match(listed(taken(self._ids, [position]))[0], PHash(self._hashes[position]), distance)


@dataclass(frozen=True, slots=True)
class BankVerdict:
    """
    What came out of holding a picture against a bank.

    :param decision: similar if the nearest picture of the bank is, else different; or undecidable.
    :param matched: whether the nearest picture's distance is within the bounds; never if undecidable.
    :param best: the nearest picture; ``None`` if undecidable or if the bank is empty.
    :param matches: the similar pictures, nearest first; not more than asked for.
    :param match_count: how many similar pictures there are in all.
    :param phash: hash of the picture; ``None`` if it has none.
    :param reason: one sentence for the log.
    """

    decision: Decision
    matched: bool
    best: Match | None
    matches: tuple[Match, ...]
    match_count: int
    phash: PHash | None
    reason: str

    def as_xcom(self) -> dict[str, Any]:
        """Return what a verdict on the nearest returns, with its name and all matches, as plain JSON."""
        best = self.best
        return {
            "matched": self.matched,
            "distance": best.distance if best else None,
            "similarity": 1 - best.distance / PHASH_BITS if best else None,
            "phash": str(self.phash) if self.phash else None,
            "reference_phash": str(best.phash) if best else None,
            "reference_id": best.id if best else None,
            "matches": [match.as_dict() for match in self.matches],
            "match_count": self.match_count,
        }


def judge_against(
    phash: PHash | None,
    bank: PHashBank,
    bounds: DistanceBounds,
    *,
    low_information: Collection[PHash] = frozenset(),
    max_matches: int = MAX_MATCHES,
) -> BankVerdict:
    """
    Compare a picture with every picture of a bank; the nearest decides.

    So ``max_distance`` matches a picture that is in the bank, and ``min_distance`` alone one that is not.

    :param phash: hash of the picture; ``None`` if it has none.
    :param bank: the pictures to compare it with. Nothing is similar to an empty one.
    :param bounds: the distances that match.
    :param low_information: hashes besides zero that cannot be decided on.
    :param max_matches: list no more matches than this.
    """
    if phash is None or is_low_information(phash, low_information):
        doubt = "has no pHash" if phash is None else f"has the pHash {phash} of a flat picture"
        return BankVerdict(Decision.UNDECIDABLE, False, None, (), 0, phash, f"The picture {doubt}.")  # noqa: FBT003
    best = bank.nearest(phash)
    if best is None:
        far = bounds.max_distance is None
        return BankVerdict(Decision.DIFFERENT, far, None, (), 0, phash, "The bank is empty.")
    matches, count = bank.within(phash, bounds.radius, limit=max_matches)
    matched = bounds.contains(best.distance)
    return BankVerdict(
        decision=Decision.SIMILAR if best.distance <= bounds.radius else Decision.DIFFERENT,
        matched=matched,
        best=best,
        matches=tuple(matches),
        match_count=count,
        phash=phash,
        reason=f"The nearest of {len(bank):,}, {best.id}, is {best.distance} of 64 bits away; "
        f"{bounds} {'is met' if matched else 'is not met'}.",
    )
