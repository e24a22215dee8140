"""Check what is about to be released: two equal builds, their content and metadata, version and changelog."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PACKAGE = "airflow_provider_imagekit"


def main(release: str) -> None:
    """
    Build twice into ``dist``, and fail with a sentence where something is not ready.

    :param release: version that the tag names; blank before there is a tag.
    """
    dist = REPOSITORY / "dist"
    for old in dist.glob("*"):
        old.unlink()
    first = build(dist)
    with tempfile.TemporaryDirectory() as folder:
        require(digests(first) == digests(build(Path(folder))), "two builds differ")
    wheel, sdist = (
        next(path for path in first if path.name.endswith(ending)) for ending in (".whl", ".tar.gz")
    )
    run("twine", "check", "--strict", *map(str, first))
    same_wheel_from_the_sdist(sdist, wheel)
    version = wheel.name.split("-")[1]
    check_version(version, release)
    print(
        f"{PACKAGE} {version}: ready. "
        + ", ".join(f"{path.name} ({path.stat().st_size:,} bytes)" for path in first)
    )


def build(folder: Path, source: Path = REPOSITORY) -> list[Path]:
    """Return the wheel and the source distribution of a checkout; the last commit's time is the files'."""
    seconds = subprocess.check_output(["git", "log", "-1", "--format=%ct"], cwd=REPOSITORY, text=True).strip()
    run("build", "--no-isolation", "--outdir", str(folder), str(source), SOURCE_DATE_EPOCH=seconds)
    return sorted(folder.glob(f"{PACKAGE}-*"))


def same_wheel_from_the_sdist(sdist: Path, wheel: Path) -> None:
    """Fail unless the source distribution builds the same wheel, byte by byte."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        built = build(Path(folder, "out"), Path(folder, sdist.name.removesuffix(".tar.gz")))
        again = next(path for path in built if path.suffix == ".whl")
        require(again.read_bytes() == wheel.read_bytes(), "the source distribution builds another wheel")


def check_version(version: str, release: str) -> None:
    """Fail unless the changelog begins with this version, dated where a tag names it."""
    changelog = (REPOSITORY / "CHANGELOG.md").read_text("utf-8")
    newest = re.search(r"^## \[([^]]+)] - (.+)$", changelog, re.MULTILINE)
    require(newest is not None and newest[1] == version, f"CHANGELOG.md does not begin with {version}")
    if release:
        require(release == version, f"the tag names {release}, the package {version}")
        dated = newest is not None and re.fullmatch(r"\d{4}-\d\d-\d\d", newest[2])
        require(bool(dated), f"CHANGELOG.md has no date for {version}")


def digests(paths: list[Path]) -> dict[str, str]:
    """Return the digest of every file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def require(truth: bool, otherwise: str) -> None:
    """Stop with a sentence unless something is true."""
    if not truth:
        sys.exit(f"Not ready: {otherwise}.")


def run(module: str, *arguments: str, **variables: str) -> None:
    """Run a module of this Python, and stop where it fails."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"{module} failed: {done.stdout}{done.stderr}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
