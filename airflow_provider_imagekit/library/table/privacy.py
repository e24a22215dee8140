"""What of a row may say where somebody was, or who."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.library.table.coerce import as_dict

if TYPE_CHECKING:
    from airflow_provider_imagekit.library.table.schema import Row

__all__ = ["GpsPolicy", "PersonalPolicy", "Privacy"]

#: Serial numbers of body and lens, names of owners, and the name of the phone that made the picture.
_PERSONAL = re.compile(r"serial|owner|hostcomputer", re.IGNORECASE)

# A tenth of a degree: 11 km from north to south, less from east to west.
_COARSE_DIGITS = 1


class GpsPolicy(StrEnum):
    """What becomes of coordinates."""

    KEEP = "keep"
    COARSE = "coarse"
    DROP = "drop"


class PersonalPolicy(StrEnum):
    """What becomes of serial numbers and owners' names."""

    KEEP = "keep"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Privacy:
    """
    What a table may hold of people. Nothing, unless somebody asks for it.

    :param gps: ``drop`` leaves neither coordinates nor EXIF's GPS section; ``coarse`` leaves latitude and
        longitude to one digit (about 11 km) and no altitude; ``keep`` leaves all.
    :param personal: ``drop`` takes EXIF fields away whose names tell of serial numbers, owners or the host
        computer, at any depth; ``keep`` leaves them.
    """

    gps: GpsPolicy = GpsPolicy.DROP
    personal: PersonalPolicy = PersonalPolicy.DROP

    def apply(self, row: Row) -> Row:
        """Return a row less what it must not hold; applying it again changes nothing."""
        changed = dict(row)
        exif = as_dict(row.get("exif"))
        if self.gps is not GpsPolicy.KEEP:
            coarse = self.gps is GpsPolicy.COARSE
            for name in ("latitude", "longitude"):
                value = row.get(name)
                changed[name] = round(value, _COARSE_DIGITS) if coarse and value is not None else None
            changed["altitude"] = None
            exif = {name: section for name, section in exif.items() if name != "gps"}
        if self.personal is PersonalPolicy.DROP:
            exif = _without_personal(exif)
        changed["exif"] = exif or None
        return changed


def _without_personal(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_personal(inner) for name, inner in value.items() if not _PERSONAL.search(str(name))
        }
    if isinstance(value, list):
        return [_without_personal(inner) for inner in value]
    return value
