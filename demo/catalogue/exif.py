"""The metadata of a camera: EXIF with lens, dates, offsets and GPS, and the sRGB colour profile."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from PIL import ExifTags, Image, ImageCms
from PIL.TiffImagePlugin import IFDRational

#: Written into every file, because the place and time in its EXIF are invented.
DISCLAIMER = "Sample picture: its EXIF is made up"


@dataclass(frozen=True)
class Shot:
    """
    The settings of a shot for its EXIF.

    :param taken: local time as EXIF writes it, such as ``2026:06:03 05:41:12``.
    :param offset: offset of the local time from UTC, such as ``+02:00``.
    :param place: latitude and longitude in degrees (north and east are positive) and altitude in metres.
    :param orientation: EXIF orientation, 1 to 8; with 6, viewers turn the stored pixels clockwise.
    """

    make: str
    model: str
    lens: str
    taken: str
    offset: str
    exposure: tuple[int, int] = (1, 250)
    f_number: float = 5.6
    iso: int = 200
    focal_length: float = 35.0
    place: tuple[float, float, float] | None = None
    orientation: int = 1


def exif_of(shot: Shot) -> Image.Exif:
    """Return the shot's EXIF block."""
    base = ExifTags.Base
    details: dict[int, object] = {}
    exif = Image.Exif()
    exif[base.ImageDescription] = DISCLAIMER
    exif[base.Make] = shot.make
    exif[base.Model] = shot.model
    exif[base.Software] = "airflow-provider-imagekit sample catalogue"
    exif[base.Orientation] = shot.orientation
    exif[base.XResolution] = exif[base.YResolution] = IFDRational(300)
    exif[base.ResolutionUnit] = 2
    exif[base.DateTime] = shot.taken
    details[base.ExposureTime] = IFDRational(*shot.exposure)
    details[base.FNumber] = IFDRational(round(shot.f_number * 10), 10)
    details[base.ISOSpeedRatings] = shot.iso
    details[base.ExifVersion] = b"0232"
    details[base.DateTimeOriginal] = details[base.DateTimeDigitized] = shot.taken
    details[base.OffsetTime] = details[base.OffsetTimeOriginal] = details[base.OffsetTimeDigitized] = (
        shot.offset
    )
    details[base.FocalLength] = IFDRational(round(shot.focal_length * 10), 10)
    details[base.LensModel] = shot.lens
    details[base.ColorSpace] = 1
    exif.get_ifd(ExifTags.IFD.Exif).update(details)
    if shot.place is not None:
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(_gps(*shot.place))
    return exif


def _gps(latitude: float, longitude: float, altitude: float) -> dict[int, object]:
    gps = ExifTags.GPS
    return {
        gps.GPSVersionID: b"\x02\x03\x00\x00",
        gps.GPSLatitudeRef: "N" if latitude >= 0 else "S",
        gps.GPSLatitude: _degrees_minutes_seconds(abs(latitude)),
        gps.GPSLongitudeRef: "E" if longitude >= 0 else "W",
        gps.GPSLongitude: _degrees_minutes_seconds(abs(longitude)),
        gps.GPSAltitudeRef: b"\x00" if altitude >= 0 else b"\x01",
        gps.GPSAltitude: IFDRational(round(abs(altitude) * 10), 10),
    }


def _degrees_minutes_seconds(degrees: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    hundredths = round(degrees * 3600 * 100)
    minutes, seconds = divmod(hundredths, 60 * 100)
    return IFDRational(minutes // 60), IFDRational(minutes % 60), IFDRational(seconds, 100)


@cache
def srgb_profile() -> bytes:
    """Return the sRGB colour profile without its creation date, so that equal pictures give equal files."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes(12)  # dateTimeNumber in the ICC header
    return bytes(profile)
