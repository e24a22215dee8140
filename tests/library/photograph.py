"""ImageKit's metadata of a photograph with every kind of EXIF."""

from __future__ import annotations

from typing import Any

GPS = {
    "GPSLatitudeRef": "N",
    "GPSLatitude": [43, 28, 1.76399999],
    "GPSLongitudeRef": "E",
    "GPSLongitude": [11, 53, 7.42199999],
    "GPSAltitudeRef": 0,
    "GPSAltitude": 152.5,
    "GPSTimeStamp": [14, 27, 7.24],
    "GPSDateStamp": "2008:10:23",
}
CANON: dict[str, Any] = {
    "height": 68,
    "width": 100,
    "size": 7749,
    "format": "jpg",
    "hasColorProfile": True,
    "quality": 0,
    "density": 72,
    "hasTransparency": False,
    "pHash": "f06830ca9f1e3e90",
    "exif": {
        "image": {"Make": "Canon\x00", "Model": " Canon EOS 40D ", "Orientation": 1},
        "thumbnail": {},
        "exif": {
            "DateTimeOriginal": "2008:05:30 15:56:01",
            "SubSecTimeOriginal": "50",
            "LensModel": "EF 50mm",
            "BodySerialNumber": "SN-0420",
            "OwnerName": "Ada",
        },
        "gps": GPS,
        "interoperability": {},
        "makernote": {"Canon": {"SerialNumber": 7, "FocusMode": 1}},
    },
}
