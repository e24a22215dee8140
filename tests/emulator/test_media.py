from __future__ import annotations

import io
import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, features

from tests.emulator.drawing import draw, encode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VIDEO = {
    "height": 720,
    "width": 1280,
    "bitRate": 546524,
    "duration": 70,
    "audioCodec": "aac",
    "videoCodec": "h264",
}
SVG = '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" {}><rect width="5" height="5"/></svg>'


def sixteen_bit(grey: Image.Image) -> Image.Image:
    return Image.frombytes("I;16", grey.size, b"".join(bytes((0, value)) for value in grey.tobytes()))


@pytest.fixture
def metadata(ik, get, library: Path) -> Callable[[str, bytes], dict[str, Any]]:
    """Return a function that adds a file to the library and requests its metadata."""

    def metadata(name: str, content: bytes) -> dict[str, Any]:
        (library / name).write_bytes(content)
        response = get(f"/v1/files/{ik.file_id(name)}/metadata")
        assert response.status_code == 200, response.text
        return response.json()

    return metadata


@pytest.mark.parametrize(
    ("name", "mode", "options", "expected"),
    [
        ("p.jpg", "RGB", {"progressive": True}, ("jpg", False)),
        ("c.jpg", "CMYK", {}, ("jpg", False)),
        ("g.jpg", "L", {}, ("jpg", False)),
        ("a.png", "RGBA", {}, ("png", True)),
        ("p.png", "P", {}, ("png", False)),
        ("t.png", "P", {"transparency": 0}, ("png", True)),
        ("m.png", "P", {"transparency": bytes(range(256))}, ("png", True)),
        ("g.png", "LA", {}, ("png", True)),
        ("s.png", "I;16", {}, ("png", False)),
        ("b.png", "1", {}, ("png", False)),
        ("a.webp", "RGBA", {}, ("webp", True)),
        ("l.webp", "RGB", {"lossless": True}, ("webp", False)),
        ("a.gif", "P", {}, ("gif", False)),
        ("a.tif", "RGB", {}, ("tiff", False)),
        ("l.tif", "RGB", {"compression": "tiff_lzw"}, ("tiff", False)),
        ("a.bmp", "RGB", {}, ("bmp", False)),
        ("a.avif", "RGB", {}, ("avif", False)),
    ],
)
def test_pictures_of_every_kind_have_all_fields(metadata, name, mode, options, expected):
    if name.endswith(".avif") and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    kinds = {"jpg": "JPEG", "tif": "TIFF"}
    suffix = name.rpartition(".")[2]
    image = draw(mode="L" if mode in ("I;16", "1") else mode)
    image = image.convert(mode) if mode == "1" else image
    if mode == "I;16":
        image = sixteen_bit(image)
    if mode == "RGBA":
        image.putalpha(128)
    response = metadata(name, encode(image, kinds.get(suffix, suffix.upper()), **options))
    assert (response["width"], response["height"]) == (320, 200)
    assert (response["format"], response["hasTransparency"]) == expected
    assert len(response["pHash"]) == 16


def test_heic_is_read_if_its_reader_is_installed(metadata):
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    response = metadata("a.heic", encode(draw(), "HEIF"))
    assert (response["width"], response["format"], len(response["pHash"])) == (320, "heic", 16)


def test_a_16_bit_picture_hashes_like_its_8_bit_twin(metadata):
    grey = draw(mode="L")
    deep = sixteen_bit(grey)
    assert (
        metadata("deep.png", encode(deep, "PNG"))["pHash"]
        == metadata("flat.png", encode(grey, "PNG"))["pHash"]
    )


def test_a_16_bit_tiff_of_big_endian_order_hashes_like_its_8_bit_twin(metadata):
    grey = draw(mode="L")
    deep = Image.frombytes("I;16B", grey.size, b"".join(bytes((value, 0)) for value in grey.tobytes()))
    assert (
        metadata("deep.tif", encode(deep, "TIFF"))["pHash"]
        == metadata("flat.tif", encode(grey, "TIFF"))["pHash"]
    )


def test_the_first_frame_of_an_animation_is_measured(metadata):
    first, second = draw(seed=1), draw(seed=2)
    still = metadata("still.png", encode(first, "PNG"))
    for name, kind in (("a.gif", "GIF"), ("a.webp", "WEBP"), ("a.png", "PNG")):
        options = {"lossless": True} if kind == "WEBP" else {}
        content = encode(first, kind, save_all=True, append_images=[second], duration=100, **options)
        found = metadata(name, content)
        assert (int(found["pHash"], 16) ^ int(still["pHash"], 16)).bit_count() <= 4


def test_the_colour_profile_and_the_density_are_reported(metadata):
    plain = metadata("plain.png", encode(draw(), "PNG"))
    assert (plain["hasColorProfile"], plain["density"]) == (False, 72)
    rich = metadata("rich.png", encode(draw(), "PNG", icc_profile=b"profile", dpi=(250, 250)))
    assert (rich["hasColorProfile"], rich["density"]) == (True, 250)


@pytest.mark.parametrize(("kind", "name"), [("JPEG", "e.jpg"), ("PNG", "e.png"), ("WEBP", "e.webp")])
def test_exif_is_read_from_every_format_that_supports_it(metadata, kind, name):
    exif = Image.Exif()
    exif[0x0110] = "Model"
    assert metadata(name, encode(draw(), kind, exif=exif.tobytes()))["exif"]["image"]["Model"] == "Model"


@pytest.mark.parametrize(
    "attributes",
    ['width="40" height="30"', "width='40px' height='30px'", 'viewBox="0 0 40 30"', 'viewBox="1,2,40,30"'],
)
def test_a_vector_graphic_has_a_size_and_no_phash(ik, get, metadata, attributes):
    response = metadata("logo.svg", SVG.format(attributes).encode())
    assert (response["width"], response["height"], response["format"]) == (40, 30, "svg")
    assert "pHash" not in response
    details = get(f"/v1/files/{ik.file_id('logo.svg')}/details").json()
    assert (details["fileType"], details["mime"]) == ("image", "image/svg+xml")
    assert get(ik.url_endpoint + "/tr:w-10/logo.svg").text.startswith("<?xml")


@pytest.mark.parametrize(
    ("name", "content", "format_"),
    [("a.pdf", b"%PDF-1.7", "pdf"), ("a.js", b"let a", "js"), ("bare", b"\x00", "bare")],
)
def test_other_files_have_only_size_and_format(metadata, name, content, format_):
    assert metadata(name, content) == {"size": len(content), "format": format_}


def test_a_video_is_described_by_its_sidecar_file(ik, get, metadata, library: Path):
    (library / "clip.mp4.imagekit.json").write_text(json.dumps({**VIDEO, "unknown": 1}))
    assert metadata("clip.mp4", b"no video") == {**VIDEO, "size": 8}
    details = get(f"/v1/files/{ik.file_id('clip.mp4')}/details").json()
    assert {name: details[name] for name in VIDEO} == VIDEO
    assert (details["fileType"], details["mime"]) == ("non-image", "video/mp4")
    assert "clip.mp4.imagekit.json" not in {file["name"] for file in ik.files()}
    assert get("/v1/files", params={"searchQuery": 'videoDuration > "1min"'}).json() == [details]


@pytest.mark.parametrize("sidecar", [None, "[]", "{", '{"width": [1]}'])
def test_an_unreadable_video_has_only_its_size(metadata, library: Path, sidecar):
    if sidecar is not None:
        (library / "clip.mp4.imagekit.json").write_text(sidecar)
    assert metadata("clip.mp4", b"no video") == {"size": 8}


def test_a_video_is_read_by_pyav_if_it_is_installed(metadata):
    av = pytest.importorskip("av")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(10))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for seed in range(25):
            frame = av.VideoFrame.from_image(draw(64, 48, seed=seed))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    found = metadata("made.mp4", buffer.getvalue())
    assert (found["width"], found["height"], found["duration"], found["videoCodec"]) == (64, 48, 2, "mpeg4")
    assert found["bitRate"] > 1000
    assert "pHash" not in found
