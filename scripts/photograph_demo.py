"""
Write ``docs/images/demo.png``, a screenshot of the top of ``make demo``'s page in Chromium.

The other screenshots are taken by tests that run with ``IMAGEKIT_WRITE_SCREENSHOTS=1``:
``tests/ui/test_ui.py`` (with ``IMAGEKIT_TEST_STACK=1``) and
``tests/operators/test_duplicates_page_in_chromium.py``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "demo/out/index.html"
PICTURE = REPOSITORY / "docs/images/demo.png"


def main() -> int:
    chromium = shutil.which("chromium")
    if chromium is None or not PAGE.exists():
        print("Install chromium and run make demo first.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        taken = Path(folder) / "page.png"
        flags = (
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--window-size=1290,1170",
        )
        command = [
            chromium,
            *flags,
            f"--user-data-dir={folder}/profile",
            f"--screenshot={taken}",
            PAGE.as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        with Image.open(taken) as picture:
            picture.convert("RGB").quantize(192).save(PICTURE, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
