"""
Names of EXIF tags in ImageKit's responses.

ImageKit's documented responses use the names of the npm package ``exif``, which are ExifTool's. Pillow uses
the same name for most tags. This module lists the differences and the camera tags that Pillow lacks.
"""

from __future__ import annotations

from PIL import ExifTags

__all__ = ["GPS_TAGS", "TAGS"]

# Written by newer cameras and known to Pillow, but dropped by the npm package.
_DROPPED = {
    0x9010, 0x9011, 0x9012, 0x9400, 0x9401, 0x9402, 0x9403, 0x9404, 0x9405, 0xA460, 0xA461, 0xA462,
}  # fmt: skip

_RENAMED = {
    0x00FE: "SubfileType",
    0x00FF: "OldSubfileType",
    0x0101: "ImageHeight",
    0x0132: "ModifyDate",
    0x014A: "SubIFD",
    0x014E: "NumberofInks",
    0x0201: "ThumbnailOffset",
    0x0202: "ThumbnailLength",
    0x0203: "JPEGRestartInterval",
    0x0205: "JPEGLosslessPredictors",
    0x0206: "JPEGPointTransforms",
    0x0207: "JPEGQTables",
    0x0208: "JPEGDCTables",
    0x0209: "JPEGACTables",
    0x02BC: "ApplicationNotes",
    0x1002: "RelatedImageHeight",
    0x828E: "CFAPattern2",
    0x83BB: "IPTC-NAA",
    0x8649: "PhotoshopSettings",
    0x8773: "ICC_Profile",
    0x8827: "ISO",
    0x8828: "Opto-ElectricConvFactor",
    0x9004: "CreateDate",
    0x9204: "ExposureCompensation",
    0x9214: "SubjectArea",
    0x9216: "TIFF-EPStandardID",
    0x9290: "SubSecTime",
    0x9291: "SubSecTimeOriginal",
    0x9292: "SubSecTimeDigitized",
    0xA000: "FlashpixVersion",
    0xA005: "InteropOffset",
    0xA405: "FocalLengthIn35mmFormat",
    0xA430: "OwnerName",
    0xA431: "SerialNumber",
    0xA432: "LensInfo",
    0xC4A5: "PrintIM",
    0xC630: "DNGLensInfo",
    0xC6F3: "CameraCalibrationSig",
    0xC6F4: "ProfileCalibrationSig",
}

_UNKNOWN_TO_PILLOW = {
    0x0002: "InteropVersion",
    0x011E: "XPosition",
    0x011F: "YPosition",
    0x012C: "ColorResponseUnit",
    0x01B5: "JPEGTables",
    0x8290: "KodakIFD",
    0x920E: "FocalPlaneXResolution",
    0x920F: "FocalPlaneYResolution",
    0x9210: "FocalPlaneResolutionUnit",
    0x9217: "SensingMethod",
    0x923F: "StoNits",
    0x935C: "ImageSourceData",
    0xA20D: "Noise",
    0xA211: "ImageNumber",
    0xA212: "SecurityClassification",
    0xA213: "ImageHistory",
    0xA216: "TIFF-EPStandardID",
    0xA480: "GDALMetadata",
    0xA481: "GDALNoData",
    0xEA1D: "OffsetSchema",
    0xFDE8: "OwnerName",
    0xFDE9: "SerialNumber",
    0xFDEA: "Lens",
}

#: Names by tag number, for all sections except ``gps``. A tag without a name is omitted.
TAGS: dict[int, str] = {
    **{tag: name for tag, name in ExifTags.TAGS.items() if tag not in _DROPPED},
    **_RENAMED,
    **_UNKNOWN_TO_PILLOW,
}

#: Names by tag number for the section ``gps``.
GPS_TAGS: dict[int, str] = dict(ExifTags.GPSTAGS)
