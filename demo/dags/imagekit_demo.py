"""List pictures, fetch the metadata of each and of delivered copies, and compare pairs by pHash."""

from __future__ import annotations

import itertools
from typing import Any

from airflow_provider_imagekit.compat import DAG, Param, task
from airflow_provider_imagekit.hooks.imagekit import ImageKitHook
from airflow_provider_imagekit.operators.metadata import RemoteUrlMetadataOperator
from airflow_provider_imagekit.phash import PHash
from airflow_provider_imagekit.similarity.distance import DistanceBounds
from airflow_provider_imagekit.similarity.verdict import judge

TRANSFORMATION = "w-240"


def read(phash: str | None) -> PHash | None:
    return PHash.parse(phash) if phash else None


with DAG(
    dag_id="imagekit_demo",
    schedule=None,
    catchup=False,
    params={
        "limit": Param(None, type=["integer", "null"], description="Maximum number of pictures"),
        "deliver": Param(
            None, type=["array", "null"], description="Pictures whose delivery is checked; null: all"
        ),
        "pairs": Param(
            None, type=["array", "null"], description="[path, path, what]; null: each with the next"
        ),
        "max_distance": Param(8, type="integer", description="Maximum distance of similar pictures"),
    },
    tags=["imagekit"],
    doc_md=__doc__,
):

    @task
    def list_pictures(**context: Any) -> list[dict[str, str]]:
        params = context["params"]
        files = ImageKitHook().list_files(type="file", file_type="image")
        # Vector files have no pHash, and a private file is delivered to signed URLs only.
        public = (f for f in files if f.get("mime") != "image/svg+xml" and not f.get("isPrivateFile"))
        pictures = [
            {"path": file["filePath"], "file_id": file["fileId"], "url": file["url"].partition("?")[0]}
            for file in itertools.islice(public, params["limit"])
        ]
        if not pictures:
            raise LookupError("The media library has no public picture.")
        return pictures

    @task
    def deliveries(pictures: list[dict[str, str]], **context: Any) -> list[dict[str, str]]:
        params = context["params"]
        selected = params["deliver"]
        return [
            {"path": picture["path"], "url": f"{picture['url']}?tr={TRANSFORMATION}"}
            for picture in pictures
            if selected is None or picture["path"] in selected
        ]

    @task
    def metadata(pictures: list[dict[str, str]]) -> list[dict[str, Any]]:
        """Fetch all in one task: starting a mapped task instance takes longer than the request."""
        hook = ImageKitHook()
        return [hook.get_file_metadata(picture["file_id"]) for picture in pictures]

    pictures = list_pictures()
    copies = deliveries(pictures)
    found = metadata(pictures)
    delivered = RemoteUrlMetadataOperator.partial(task_id="delivered").expand(
        url=copies.map(lambda copy: copy["url"])
    )

    @task
    def compare(
        pictures: list[dict[str, str]],
        metadata: list[dict[str, Any]],
        copies: list[dict[str, str]],
        delivered: list[dict[str, Any]],
        **context: Any,
    ) -> list[dict[str, Any]]:
        params = context["params"]
        hashes = {p["path"]: m.get("pHash") for p, m in zip(pictures, metadata, strict=True)}
        pairs = params["pairs"]
        if pairs is None:
            pairs = [(a, b, "the next picture") for a, b in itertools.pairwise(hashes)]
        sides = [(first, hashes[first], second, hashes[second], how) for first, second, how in pairs]
        for copy, found in zip(copies, delivered, strict=True):
            path = copy["path"]
            sides.append(
                (path, hashes[path], copy["url"], found.get("pHash"), f"delivered with {TRANSFORMATION}")
            )
        bounds = DistanceBounds(max_distance=params["max_distance"])
        verdicts = []
        for first, phash, second, reference, how in sides:
            verdict = judge(read(phash), read(reference), bounds)
            found = {"first": first, "second": second, "how": how, "decision": str(verdict.decision)}
            verdicts.append(found | verdict.as_xcom())
        return verdicts

    compare(pictures, found, copies, delivered.output)
