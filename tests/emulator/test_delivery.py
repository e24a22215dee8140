from __future__ import annotations

import io
import itertools
import time
from typing import TYPE_CHECKING

import pytest
import requests
from PIL import Image, ImageCms

from airflow_provider_imagekit.emulator import ImageKitEmulator
from airflow_provider_imagekit.emulator.routes.signing import is_signed, signature
from tests.emulator.drawing import draw, encode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Fetch = Callable[..., Image.Image]

MAKE, ORIENTATION = 0x010F, 0x0112
RED = (255, 0, 0)
# The vendor's published test vectors: key, endpoint and targets from the tests of its SDK.
SIGNATURES = {
    "sdk-testing-files/future-search.png": "32dbbbfc5f945c0403c71b54c38e76896ef2d6b0",
    "sdk-testing-files/future-search.png?version=1.0&cache=false": "f2e5a1b8b6a0b03fd63789dfc6413a94acef9fd8",
    "tr:w-300,h-200/sdk-testing-files/future-search.png?version=2.0": (
        "dd1ee8f83d019bc59fd57a5fc4674a11eb8a3496"
    ),
}


@pytest.fixture
def fetch(ik) -> Fetch:
    """Return a function that fetches a transformed ``folder/a.jpg``, which is 320 x 200."""

    def fetch(transformation: str, path: str = "folder/a.jpg", **headers: str) -> Image.Image:
        response = requests.get(f"{ik.url_endpoint}/tr:{transformation}/{path}", headers=headers, timeout=10)
        assert response.status_code == 200, response.text
        image = Image.open(io.BytesIO(response.content))
        assert response.headers["content-type"] == Image.MIME[image.format]
        return image

    return fetch


@pytest.mark.parametrize(
    ("transformation", "size"),
    [
        ("w-160", (160, 100)),
        ("h-50", (80, 50)),
        ("w-0.5", (160, 100)),
        ("h-0.1", (32, 20)),
        ("w-640", (640, 400)),
        ("w-100,h-100", (100, 100)),
        ("w-100,h-100,c-maintain_ratio", (100, 100)),
        ("w-640,h-640,c-maintain_ratio_no_enlarge", (200, 200)),
        ("w-100,h-100,c-force", (100, 100)),
        ("w-100,h-100,c-at_max", (100, 63)),
        ("w-640,h-640,c-at_max", (320, 200)),
        ("w-640,h-640,c-at_max_enlarge", (640, 400)),
        ("w-100,h-100,c-at_least", (160, 100)),
        ("w-100,h-100,cm-pad_resize", (100, 100)),
        ("w-640,h-640,cm-pad_resize_no_enlarge", (640, 640)),
        ("w-50,h-60,cm-extract", (50, 60)),
        ("w-50,h-600,cm-extract", (50, 200)),
        ("w-400,h-400,cm-pad_extract", (400, 400)),
        ("w-100,ar-4-3", (100, 75)),
        ("h-90,ar-4-3", (120, 90)),
        ("w-100,h-90,ar-4-3", (100, 90)),
        ("w-100,ar-4_3", (100, 75)),
        ("w-iw_div_2", (160, 100)),
        ("h-ih_mul_0.5,w-iw_sub_20", (300, 100)),
        ("w-100,dpr-2", (200, 125)),
        ("w-4000,dpr-2", (4000, 2500)),
        ("rt-90", (200, 320)),
        ("rt-N90", (200, 320)),
        ("rt-180", (320, 200)),
        ("w-100:rt-90:h-50", (32, 50)),
        ("n-ik_ml_thumbnail", (100, 63)),
        ("l-text,i-hello,l-end", (320, 200)),
    ],
)
def test_sizes_follow_the_documented_rules(fetch, transformation, size):
    assert fetch(transformation).size == size


def test_a_transformation_in_the_query_equals_one_in_the_path(ik, get):
    in_path = get(ik.url_endpoint + "/tr:w-70,h-30/folder/a.jpg")
    in_query = get(ik.url_endpoint + "/folder/a.jpg?tr=w-70,h-30")
    assert in_path.content == in_query.content


def test_the_original_is_delivered_as_it_is(ik, get, library: Path):
    original = (library / "folder" / "a.jpg").read_bytes()
    assert get(ik.file_url("folder/a.jpg")).content == original
    assert get(ik.file_url("folder/a.jpg") + "?tr=orig-true").content == original
    assert get(ik.file_url("folder/a.jpg") + "?tr=w-10,orig-true").content == original


@pytest.mark.parametrize(
    ("transformation", "accept", "format_"),
    [
        ("f-png", "", "PNG"),
        ("f-webp", "", "WEBP"),
        ("f-jpeg", "", "JPEG"),
        ("f-auto", "image/webp,*/*", "WEBP"),
        ("f-auto", "*/*", "JPEG"),
        ("f-orig", "image/webp", "JPEG"),
        ("w-20", "image/webp", "JPEG"),
    ],
)
def test_the_format_is_the_requested_one(fetch, transformation, accept, format_):
    assert fetch(transformation, accept=accept).format == format_


def test_a_lower_quality_makes_a_smaller_file(ik, get):
    sizes = [len(get(f"{ik.url_endpoint}/tr:q-{quality}/folder/a.jpg").content) for quality in (10, 50, 90)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 3


def test_padding_has_the_requested_colour(fetch):
    padded = fetch("w-100,h-100,cm-pad_resize,bg-FF0000,f-png")
    assert padded.getpixel((50, 2)) == padded.getpixel((50, 97)) == RED
    assert fetch("w-100,h-100,cm-pad_resize,bg-red,fo-top,f-png").getpixel((50, 97)) == RED


def test_an_extract_is_taken_at_the_focus(fetch):
    whole = fetch("f-png")
    corner = fetch("w-40,h-30,cm-extract,fo-bottom_right,f-png")
    assert corner.tobytes() == whole.crop((280, 170, 320, 200)).tobytes()
    at = fetch("w-40,h-30,cm-extract,x-10,y-20,f-png")
    assert at.tobytes() == whole.crop((10, 20, 50, 50)).tobytes()
    centred = fetch("w-40,h-30,cm-extract,xc-100,yc-100,f-png")
    assert centred.tobytes() == whole.crop((80, 85, 120, 115)).tobytes()


def test_the_custom_focus_is_the_files_own(ik, fetch):
    url = f"{ik.url}/v1/files/{ik.file_id('folder/a.jpg')}/details"
    requests.patch(url, auth=(ik.private_key, ""), json={"customCoordinates": "10,20,40,30"}, timeout=10)
    whole, focused = fetch("f-png"), fetch("w-40,h-30,cm-extract,fo-custom,f-png")
    assert focused.tobytes() == whole.crop((10, 20, 50, 50)).tobytes()
    requests.patch(url, auth=(ik.private_key, ""), json={"customCoordinates": "0,0,40,30"}, timeout=10)
    assert fetch("w-40,h-30,cm-extract,fo-custom,f-png").tobytes() == whole.crop((0, 0, 40, 30)).tobytes()


def test_the_custom_focus_follows_a_resizing(ik, fetch):
    url = f"{ik.url}/v1/files/{ik.file_id('folder/a.jpg')}/details"
    requests.patch(url, auth=(ik.private_key, ""), json={"customCoordinates": "0,0,20,20"}, timeout=10)
    resized = fetch("w-160,h-100,c-force,f-png")
    assert fetch("w-100,h-100,fo-custom,f-png").tobytes() == resized.crop((0, 0, 100, 100)).tobytes()


KINDS = itertools.product(["GIF", "TIFF", "BMP", "PNG", "WEBP"], ["RGB", "RGBA", "L", "LA", "P", "I;16", "1"])
UNSUPPORTED = {("BMP", "LA"), ("BMP", "I;16")}  # the format does not support these modes


@pytest.mark.parametrize(("kind", "mode"), [kind for kind in KINDS if kind not in UNSUPPORTED])
def test_pictures_of_every_kind_are_transformed(fetch, library: Path, kind, mode):
    content = encode(draw(mode="L").convert(mode) if mode in ("I;16", "1") else draw(mode=mode), kind)
    (library / "picture").write_bytes(content)
    assert fetch("w-40,bl-2", "picture").size == (40, 25)
    assert fetch("w-40,f-jpg,bg-red", "picture").format == "JPEG"


def test_effects_change_the_pixels(fetch):
    plain = fetch("f-png")
    assert (
        fetch("e-grayscale,f-png").getpixel((60, 60))[0] == fetch("e-grayscale,f-png").getpixel((60, 60))[2]
    )
    assert fetch("fl-h,f-png").tobytes() == plain.transpose(Image.Transpose.FLIP_LEFT_RIGHT).tobytes()
    assert fetch("fl-h_v,f-png").tobytes() == plain.transpose(Image.Transpose.ROTATE_180).tobytes()
    assert fetch("bl-10,f-png").tobytes() != plain.tobytes()


def test_metadata_and_profile_are_kept_only_if_requested(ik, fetch, get, library: Path):
    exif = Image.Exif()
    exif[MAKE], exif[ORIENTATION] = "Camera", 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = encode(draw(), exif=exif.tobytes(), icc_profile=profile)
    (library / "camera.jpg").write_bytes(content)

    def metadata(transformation: str) -> dict:
        url = f"{ik.url_endpoint}/tr:{transformation}/camera.jpg"
        return get("/v1/metadata", params={"url": url}).json()

    assert (metadata("w-100")["exif"], metadata("w-100")["hasColorProfile"]) == ({}, False)
    assert metadata("w-100,cp-true")["hasColorProfile"] is True
    kept = metadata("w-100,md-true")
    assert kept["exif"]["image"]["Make"] == "Camera"
    # The output is rotated upright: its size is that of a portrait, and its orientation is 1.
    assert (kept["width"], kept["height"], kept["exif"]["image"]["Orientation"]) == (100, 160, 1)


@pytest.mark.parametrize(
    "transformation",
    [
        "w-x",
        "w-0",
        "w-N5",
        "q-101",
        "f-bmp",
        "c-crop",
        "rt-x",
        "bl-0",
        "bg-nocolour",
        "ar-0-3",
        "n-unknown",
        "w-99999",
        "w-65000,h-65000",
        "dpr-9",
        "w-iw_div_0",
        "x-1_2",
        "w-9,h-9,cm-extract,x-iw_div_0",
        "rt-iw_div_0",
        ":".join(["w-1"] * 30),
    ],
)
def test_an_invalid_value_is_refused(ik, get, transformation):
    response = get(f"{ik.url_endpoint}/tr:{transformation}/folder/a.jpg")
    assert response.status_code == 400
    assert response.headers["ik-error"].startswith("EINVALID - ")


def test_a_missing_file_is_404_with_the_reason(ik, get):
    response = get(ik.file_url("none.jpg"))
    assert response.status_code == 404
    assert response.headers["ik-error"].startswith("ENOENT - ")


def test_named_transformations_are_the_accounts_own(library: Path):
    with ImageKitEmulator(library=library, named_transformations={"tiny": "w-16,h-16:rt-90"}) as ik:
        response = requests.get(f"{ik.url_endpoint}/tr:n-tiny/folder/a.jpg", timeout=10)
        assert Image.open(io.BytesIO(response.content)).size == (16, 16)


def test_signatures_equal_the_vendors_published_ones():
    for target, expected in SIGNATURES.items():
        assert signature("dummy-key", target) == expected
        signed = target + ("&" if "?" in target else "?") + "ik-s=" + expected
        assert is_signed("dummy-key", signed) is True
        assert is_signed("other-key", signed) is False
        assert is_signed("dummy-key", target) is None


def test_a_signature_expires():
    expired = f"a.jpg?ik-t=1000&ik-s={signature('k', 'a.jpg', '1000')}"
    assert is_signed("k", expired, clock=lambda: 999) is True
    assert is_signed("k", expired, clock=lambda: 1001) is False


def test_a_private_file_needs_a_signature_or_a_named_transformation(ik, get):
    form = {"file": ("x", encode(draw())), "fileName": (None, "p.jpg"), "isPrivateFile": (None, "true")}
    url = f"{ik.url}/api/v1/files/upload"
    file = requests.post(url, auth=(ik.private_key, ""), files=form, timeout=10).json()
    target = file["url"].removeprefix(ik.url_endpoint + "/")
    expiry = str(int(time.time()) + 60)
    good = f"{file['url']}?ik-t={expiry}&ik-s={signature(ik.private_key, target, expiry)}"
    assert requests.get(file["url"], timeout=10).status_code == 401
    assert requests.get(good, timeout=10).status_code == 200
    assert requests.get(good[:-1] + "x", timeout=10).status_code == 401
    assert requests.get(file["thumbnailUrl"], timeout=10).status_code == 200
    assert requests.get(f"{file['url']}?tr=n-ik_ml_thumbnail,w-300", timeout=10).status_code == 401
    assert requests.get(f"{file['url']}?tr=n-ik_ml_thumbnail:w-300", timeout=10).status_code == 401
    assert get("/v1/metadata", params={"url": file["url"]}).status_code == 404
    assert get("/v1/metadata", params={"url": good}).status_code == 200
    assert get(f"/v1/files/{file['fileId']}/metadata").status_code == 200


def test_all_urls_may_need_a_signature(library: Path):
    with ImageKitEmulator(library=library, restrict_unsigned=True) as ik:
        url = ik.file_url("folder/a.jpg")
        assert requests.get(url, timeout=10).status_code == 401
        signed = f"{url}?ik-s={signature(ik.private_key, 'folder/a.jpg')}"
        assert requests.get(signed, timeout=10).status_code == 200
