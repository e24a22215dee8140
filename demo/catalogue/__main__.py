"""``python -m demo.catalogue DIR`` draws the sample catalogue into a folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from demo.catalogue import build


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.catalogue", description=__doc__)
    parser.add_argument("directory", type=Path, metavar="DIR", help="output folder; created if missing")
    directory = parser.parse_args().directory
    catalogue = build(directory)
    originals, variants = len(catalogue.originals), len(catalogue.variants)
    print(f"{directory}: {originals} pictures and {variants} variants; catalogue.json describes them.")


if __name__ == "__main__":
    main()
