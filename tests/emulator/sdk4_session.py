"""
Reads metadata and a listing with imagekitio 4.x and prints the results as JSON.

It runs in a separate environment, because 4.x and 5.x are versions of the same package.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version

from imagekitio import ImageKit
from imagekitio.constants.url import URL
from imagekitio.models.ListAndSearchFileRequestOptions import ListAndSearchFileRequestOptions as Options

base_url, url_endpoint, private_key, file_id = sys.argv[1:]
URL.API_BASE_URL = base_url
client = ImageKit(public_key="public_x", private_key=private_key, url_endpoint=url_endpoint)


def seen(result: object) -> dict[str, object]:
    return {name: getattr(result, name) for name in ("width", "height", "format", "p_hash", "size")}


listed = client.list_files(options=Options(sort="ASC_NAME", file_type="image", limit=10, skip=0))
found = client.list_files(options=Options(search_query='format = "png"'))
results = {
    "version": version("imagekitio"),
    "by_id": seen(client.get_file_metadata(file_id)),
    "by_url": seen(client.get_remote_file_url_metadata(f"{url_endpoint}/folder/a.jpg")),
    "names": [file.name for file in listed.list],
    "found": [file.name for file in found.list],
}
print(json.dumps(results))
