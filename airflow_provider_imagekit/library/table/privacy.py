"""
Removes data from rows that may reveal who a person is or where a person was.

A list of fields that reveal something would never be complete: a comment, XMP or maker notes can contain
coordinates as well as names. So only fields that are known to contain neither are kept; unknown fields are
removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from airflow_provider_imagekit.client.endpoints import METADATA_FIELDS
from airflow_provider_imagekit.library.table.capture import place
from airflow_provider_imagekit.library.table.coerce import as_dict

if TYPE_CHECKING:
    from airflow_provider_imagekit.library.table.schema import Row

__all__ = ["HARMLESS", "PERSONAL", "PLACE", "GpsPolicy", "PersonalPolicy", "Privacy"]

_ABOUT_PICTURE_AND_CAMERA = """
    ApertureValue BitsPerSample BrightnessValue CFAPattern ColorSpace ComponentsConfiguration
    CompressedBitsPerPixel Compression Contrast CreateDate CustomRendered DateTimeOriginal
    DigitalZoomRatio ExifImageHeight ExifImageWidth ExifOffset ExifVersion ExposureCompensation
    ExposureIndex ExposureMode ExposureProgram ExposureTime ExtraSamples FNumber FileSource FillOrder
    Flash FlashEnergy FlashpixVersion FocalLength FocalLengthIn35mmFormat FocalPlaneResolutionUnit
    FocalPlaneXResolution FocalPlaneYResolution GPSInfo GainControl Gamma ISO ISOSpeed ImageHeight
    ImageWidth InteropIndex InteropOffset InteropVersion Lens LensInfo LensMake LensModel LightSource
    Make MaxApertureValue MeteringMode Model ModifyDate Noise OffsetTime OffsetTimeDigitized
    OffsetTimeOriginal Orientation PhotometricInterpretation PlanarConfiguration Predictor
    PrimaryChromaticities Rating RatingPercent RecommendedExposureIndex ReferenceBlackWhite
    RelatedImageFileFormat RelatedImageHeight RelatedImageWidth ResolutionUnit RowsPerStrip SampleFormat
    SamplesPerPixel Saturation SceneCaptureType SceneType SelfTimerMode SensingMethod SensitivityType
    Sharpness ShutterSpeedValue Software SpatialFrequencyResponse StandardOutputSensitivity
    StripByteCounts StripOffsets SubSecTime SubSecTimeDigitized SubSecTimeOriginal SubfileType
    SubjectArea SubjectDistance SubjectDistanceRange SubjectLocation ThumbnailLength ThumbnailOffset
    TileByteCounts TileLength TileOffsets TileWidth TimeZoneOffset TransferFunction UniqueCameraModel
    WhiteBalance WhitePoint XResolution YCbCrCoefficients YCbCrPositioning YCbCrSubSampling YResolution
"""
_ABOUT_PERSON_OR_DEVICE = """
    Artist BodySerialNumber CameraOwnerName CameraSerialNumber Copyright HostComputer ImageUniqueID
    LensSerialNumber OwnerName SerialNumber XPAuthor
"""
_ABOUT_PLACE = """
    GPSAltitude GPSAltitudeRef GPSAreaInformation GPSDOP GPSDateStamp GPSDestBearing GPSDestBearingRef
    GPSDestDistance GPSDestDistanceRef GPSDestLatitude GPSDestLatitudeRef GPSDestLongitude
    GPSDestLongitudeRef GPSDifferential GPSHPositioningError GPSImgDirection GPSImgDirectionRef GPSLatitude
    GPSLatitudeRef GPSLongitude GPSLongitudeRef GPSMapDatum GPSMeasureMode GPSProcessingMethod GPSSatellites
    GPSSpeed GPSSpeedRef GPSStatus GPSTimeStamp GPSTrack GPSTrackRef GPSVersionID
"""
#: Fields of EXIF's GPS section, which contain no names of people.
PLACE = frozenset(_ABOUT_PLACE.split())
#: Fields of EXIF about the picture, the exposure, and the kind of camera, lens and software.
HARMLESS = frozenset(_ABOUT_PICTURE_AND_CAMERA.split())
#: Fields of EXIF that identify a person or a device, and contain no coordinates.
PERSONAL = frozenset(_ABOUT_PERSON_OR_DEVICE.split())
#: Fields of the metadata outside EXIF that contain no personal data.
_HARMLESS_OTHERS = frozenset({"mimeType"})

# A tenth of a degree: 11 km from north to south, less from east to west.
_COARSE_DIGITS = 1


class GpsPolicy(StrEnum):
    """How coordinates are handled."""

    KEEP = "keep"
    COARSE = "coarse"
    DROP = "drop"


class PersonalPolicy(StrEnum):
    """How serial numbers and names of people are handled."""

    KEEP = "keep"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Privacy:
    """
    Which personal data a table or an XCom may contain. By default, none.

    Unless both policies are ``keep``, EXIF fields that are not known to be harmless are removed: such a field
    can contain coordinates as well as names.

    :param gps: ``drop`` removes coordinates and EXIF's GPS section; ``coarse`` keeps latitude and longitude
        to one decimal (about 11 km) and no altitude; ``keep`` keeps them all.
    :param personal: ``drop`` removes the :data:`PERSONAL` fields; ``keep`` keeps them.
    """

    gps: GpsPolicy = GpsPolicy.DROP
    personal: PersonalPolicy = PersonalPolicy.DROP

    def apply(self, row: Row) -> Row:
        """Return a row without what the policies remove; applying this again changes nothing."""
        return row | self._redacted(row)

    def allows(self, row: Row) -> bool:
        """Return whether :meth:`apply` changes nothing."""
        return all(name in row and row[name] == value for name, value in self._redacted(row).items())

    def _redacted(self, row: Row) -> Row:
        """Return the columns that can contain personal data, without what the policies remove."""
        keeps_gps, keeps_names = self.gps is GpsPolicy.KEEP, self.personal is PersonalPolicy.KEEP
        if keeps_gps and keeps_names:
            return {"exif": as_dict(row.get("exif")) or None}
        changed: Row = {}
        if not keeps_gps:
            coarse = self.gps is GpsPolicy.COARSE
            for name in ("latitude", "longitude"):
                value = row.get(name)
                changed[name] = round(value, _COARSE_DIGITS) if coarse and value is not None else None
            changed["altitude"] = None
        names = HARMLESS | PERSONAL if keeps_names else HARMLESS
        changed["exif"] = {
            section: _only(PLACE if section == "gps" else names, fields)
            for section, fields in as_dict(row.get("exif")).items()
            if isinstance(fields, dict) and (keeps_gps or section != "gps")
        } or None
        changed["other"] = _only(_HARMLESS_OTHERS, as_dict(row.get("other"))) or None
        return changed

    def apply_to_metadata(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """
        Return ImageKit's metadata object without what the policies remove.

        ``coarse`` keeps latitude and longitude to a tenth of a degree, in degrees and minutes.

        :param metadata: as ImageKit returns it.
        """
        if self.gps is GpsPolicy.KEEP and self.personal is PersonalPolicy.KEEP:
            return metadata
        names = HARMLESS | PERSONAL if self.personal is PersonalPolicy.KEEP else HARMLESS
        exif = as_dict(metadata.get("exif"))
        sections = {
            section: _only(names, fields)
            for section, fields in exif.items()
            if section != "gps" and isinstance(fields, dict)
        }
        sections["gps"] = self._position(exif)
        kept = {name: value for name, value in metadata.items() if name in METADATA_FIELDS - {"exif"}}
        return kept | {"exif": {section: fields for section, fields in sections.items() if fields}}

    def apply_to_file(self, file: dict[str, Any]) -> dict[str, Any]:
        """
        Return ImageKit's object of a listed or uploaded file without what the policies remove.

        Embedded metadata (EXIF, IPTC, XMP) is kept only if both policies are ``keep``.

        :param file: as ImageKit returns it.
        """
        if self.gps is GpsPolicy.KEEP and self.personal is PersonalPolicy.KEEP:
            return file
        kept = {name: value for name, value in file.items() if name != "embeddedMetadata"}
        if "metadata" in kept:
            kept["metadata"] = self.apply_to_metadata(as_dict(kept["metadata"]))
        return kept

    def _position(self, exif: dict[str, Any]) -> dict[str, Any]:
        if self.gps is GpsPolicy.KEEP:
            return _only(PLACE, as_dict(exif.get("gps")))
        found = place(exif)
        if self.gps is GpsPolicy.DROP or found.latitude is None or found.longitude is None:
            return {}
        position: dict[str, Any] = {}
        for name, value, sides in (("Latitude", found.latitude, "NS"), ("Longitude", found.longitude, "EW")):
            tenths = round(abs(value) * 10)
            position[f"GPS{name}"] = [tenths // 10, tenths % 10 * 6, 0]
            position[f"GPS{name}Ref"] = sides[value < 0]
        return position


_SCALARS = frozenset({str, int, float, bool, type(None)})


def _only(names: frozenset[str], fields: dict[str, Any]) -> dict[str, Any]:
    """Return the named fields with a value or a list of values; a nested structure could contain anything."""
    if fields.keys() <= names and _SCALARS.issuperset(map(type, fields.values())):
        return fields
    return {name: value for name, value in fields.items() if name in names and _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return not any(isinstance(item, list | dict) for item in value)
    return not isinstance(value, dict)
