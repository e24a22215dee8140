"""Limits of the memory and the work that pictures may cause."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from airflow_provider_imagekit.emulator.pictures.pixel_budget import PixelBudget
from airflow_provider_imagekit.emulator.transforms.geometry import Size, rotated_size
from airflow_provider_imagekit.emulator.transforms.render import render
from airflow_provider_imagekit.emulator.transforms.steps import BadTransformationError, parse_steps
from tests.emulator.drawing import draw, encode

BIG = "w-10000,h-10000,c-force"


def test_pixels_of_concurrent_work_stay_within_the_limit():
    budget = PixelBudget(100)
    lock, reserved, peak = threading.Lock(), 0, 0

    def work(pixels: int) -> None:
        nonlocal reserved, peak
        with budget.reserve(pixels):
            with lock:
                reserved += pixels
                peak = max(peak, reserved)
            time.sleep(0.005)
            with lock:
                reserved -= pixels

    threads = [threading.Thread(target=work, args=(pixels,)) for pixels in (60, 50, 40, 30, 20, 10) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 60 <= peak <= 100


#: Starts a server, requests its pictures at the same time, and prints the process's peak memory in bytes.
PICTURES_AT_ONCE = """
import sys
from concurrent.futures import ThreadPoolExecutor
import requests
from airflow_provider_imagekit.emulator import ImageKitEmulator

with ImageKitEmulator(sys.argv[1]) as ik:
    def fetch(file):
        requests.get(f"{file['url']}?tr={sys.argv[2]}", timeout=120).raise_for_status()
        path = f"/v1/files/{file['fileId']}/metadata"
        requests.get(f"{ik.url}{path}", auth=(ik.private_key, ""), timeout=120).raise_for_status()

    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(fetch, ik.files()))) == 4
with open("/proc/self/status") as status:
    [line] = [line for line in status if line.startswith("VmHWM:")]
print(int(line.split()[1]) * 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Only Linux reports peak memory.")
@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_four_large_pictures_at_once_use_the_memory_of_one(tmp_path, ending):
    Image.new("RGB", (8000, 6000), "orange").save(tmp_path / f"0.{ending}")
    for number in range(1, 4):
        (tmp_path / f"{number}.{ending}").hardlink_to(tmp_path / f"0.{ending}")
    command = [sys.executable, "-c", PICTURES_AT_ONCE, str(tmp_path), "w-400"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240)
    one = 8000 * 6000 * 4
    assert one < int(done.stdout.splitlines()[-1]) < 2.5 * one


def test_work_larger_than_the_limit_runs_alone():
    with PixelBudget(100).reserve(1_000_000):
        pass


@pytest.mark.parametrize(
    "transformation",
    [
        ":".join([BIG] * 20),
        ":".join([BIG, "w-1,h-1,c-force"] * 10),
        ":".join([f"{BIG},bl-100"] * 3),
        f"{BIG},rt-45",
        "w-65000,h-1500,c-force,rt-45",
    ],
)
def test_too_much_work_is_refused_before_a_pixel_is_computed(transformation):
    content = encode(draw(64, 48))
    started = time.process_time()
    with pytest.raises(BadTransformationError, match="pixels in"):
        render(content, parse_steps(transformation, {}))
    assert time.process_time() - started < 1


def test_a_chain_has_at_most_twenty_steps():
    with pytest.raises(BadTransformationError, match="at most 20 steps"):
        parse_steps(":".join(["w-1"] * 21), {})


@pytest.mark.parametrize("angle", [0, 30, 45, 90, 135, 180, 270, 359])
@pytest.mark.parametrize("size", [(1, 1), (64, 48), (48, 64), (7, 300)])
def test_the_size_of_a_rotated_picture_is_known_beforehand(angle, size):
    (step,) = steps = parse_steps(f"rt-{angle}", {})
    rendered = render(encode(draw(*size)), steps)
    with Image.open(io.BytesIO(rendered.content)) as image:
        planned = rotated_size(step, Size(*size))
        assert (planned.width, planned.height) == pytest.approx(image.size, abs=2)
