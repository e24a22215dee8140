"""Check that a delivered variant shows the master's picture in the requested dimensions and format."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.arguments import is_absent, whole_number
from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.distance import LEVELS, DistanceBounds, check_radius
from airflow_provider_imagekit.similarity.verdict import Decision, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["VariantCheck", "VariantVerdict"]

# Pixels. Servers may round a dimension that is derived from the other differently.
_TOLERANCE = 1


@dataclass(frozen=True, slots=True)
class VariantVerdict:
    """
    Result of checking a delivered variant.

    :param verdict: its similarity to the master.
    :param problems: what is not as required, one sentence each; empty if the variant passed.
    """

    verdict: Verdict
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether there are no problems."""
        return not self.problems

    def as_xcom(self) -> dict[str, Any]:
        """Return the verdict's keys, ``passed`` and ``problems``, as plain JSON."""
        return {**self.verdict.as_xcom(), "passed": self.passed, "problems": list(self.problems)}


@dataclass(frozen=True, slots=True)
class VariantCheck:
    """
    Requirements for a delivered variant.

    :param max_distance: maximum distance, 0 to 16 bits. Enlarged, reduced and re-encoded pictures stay within
        8. A crop changes the picture: allow a larger distance, or check against the master's crop.
    :param width: in pixels; a difference of one passes.
    :param height: in pixels; a difference of one passes.
    :param format: the format's name in ImageKit's metadata, such as ``webp``; ``jpg`` equals ``jpeg``.
    :param max_bytes: maximum size of the file.
    """

    max_distance: int = LEVELS["near_duplicate"]
    width: int | None = None
    height: int | None = None
    format: str | None = None
    max_bytes: int | None = None

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, force: bool = False) -> VariantCheck:
        """
        Parse a check from rendered values.

        :param values: any of the parameters; numbers may be texts, and the distance may be a level's name.
        :param force: accept a distance at which unrelated pictures match.
        :raises ImageKitInputError: for an unknown name or an invalid value.
        """
        known = [field.name for field in fields(cls)]
        unknown = [name for name in values if name not in known]
        if unknown:
            raise ImageKitInputError(
                f"A variant has no {unknown[0]!r:.60} to check.", help=f"Use {', '.join(known)}."
            )
        return cls(
            max_distance=check_radius(
                values.get("max_distance", LEVELS["near_duplicate"]), "max_distance", force=force
            ),
            width=_positive(values, "width"),
            height=_positive(values, "height"),
            format=str(values["format"]) if values.get("format") else None,
            max_bytes=_positive(values, "max_bytes"),
        )

    def check(
        self,
        master: PHash | None,
        metadata: Mapping[str, Any],
        *,
        low_information: Collection[PHash] = frozenset(),
    ) -> VariantVerdict:
        """
        Check a variant. That it cannot be compared is also a problem.

        :param master: hash of the master; ``None`` if it has none.
        :param metadata: the response of ImageKit's metadata API for the variant's URL.
        :param low_information: hashes that are undecidable, in addition to zero.
        :raises InvalidPHashError: if the variant's hash is malformed.
        """
        phash = PHash.parse(metadata["pHash"]) if metadata.get("pHash") else None
        bounds = DistanceBounds(max_distance=self.max_distance)
        verdict = judge(phash, master, bounds, low_information=low_information)
        problems = [] if verdict.decision is Decision.SIMILAR else [verdict.reason]
        problems += [
            f"The {name} is {metadata.get(name)} pixels instead of {wanted}."
            for name, wanted in (("width", self.width), ("height", self.height))
            if wanted is not None and abs(_number(metadata.get(name)) - wanted) > _TOLERANCE
        ]
        if self.format and _format(metadata.get("format")) != _format(self.format):
            problems.append(f"The format is {metadata.get('format')} instead of {self.format}.")
        if (
            self.max_bytes is not None
            and _number(metadata.get("size"), missing=float("inf")) > self.max_bytes
        ):
            problems.append(f"The file has {metadata.get('size')} bytes, more than {self.max_bytes}.")
        return VariantVerdict(verdict, tuple(problems))


def _positive(values: Mapping[str, Any], name: str) -> int | None:
    value = values.get(name)
    return None if is_absent(value) else whole_number(value, name, least=1)


def _number(value: object, missing: float = -1.0) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]  # raises for other values
    except (TypeError, ValueError):
        return missing
    return number if abs(number) < float("inf") else missing


def _format(value: object) -> str:
    name = str(value).lower()
    return "jpg" if name == "jpeg" else name
