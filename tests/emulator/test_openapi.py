"""Schemathesis sends valid and invalid requests and checks the responses against the OpenAPI description."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import settings
from hypothesis import strategies as st
from schemathesis import checks

from airflow_provider_imagekit.emulator import DEFAULT_PRIVATE_KEY, ImageKitEmulator
from airflow_provider_imagekit.emulator.description.document import openapi
from airflow_provider_imagekit.emulator.library.assets import asset_id
from tests.emulator.drawing import pictures

pytestmark = pytest.mark.slow

# ImageKit does not document its response to other methods; the emulator returns 404.
NOT_PROMISED = [checks.unsupported_method]
# A search, a transformation, a URL or a form may be invalid in ways that a schema cannot express.
MAY_BE_REFUSED = {
    "/v1/metadata", "/v1/files", "/api/v1/files/upload", "/demo/{file_path}", "/v1/files/purge",
    "/v1/accounts/usage", "/v1/bulkJobs/copyFolder", "/v1/bulkJobs/moveFolder", "/v1/bulkJobs/renameFolder",
    "/v1/customMetadataFields", "/v1/accounts/webhooks", "/v1/accounts/webhooks/{webhook_id}",
    "/v1/files/{file_id}/details",  # valid custom metadata depends on the account's fields
}  # fmt: skip
# A form contains only text, so a value of the wrong type may become valid when it is sent.
FORMS = {"/api/v1/files/upload"}
FILE_IDS = [asset_id("file", f"/{name}") for name in pictures()]

schema = schemathesis.openapi.from_dict(openapi("http://127.0.0.1", "demo"))


@schema.auth()
class Key:
    def get(self, case: Any, context: Any) -> str:
        return base64.b64encode(f"{DEFAULT_PRIVATE_KEY}:".encode()).decode()

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers["Authorization"] = f"Basic {data}"


@schema.hook
def flatmap_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> st.SearchStrategy:
    """Use the id of an existing file in some requests."""
    known = {
        "request_id": FILE_IDS,
        "job_id": FILE_IDS,
        "field_id": FILE_IDS,
        "webhook_id": FILE_IDS,
        "file_id": FILE_IDS,
        "version_id": FILE_IDS,
        "file_path": list(pictures()),
    }
    if not path_parameters:
        return st.just(path_parameters)
    return st.fixed_dictionaries(
        {name: st.just(value) | st.sampled_from(known[name]) for name, value in path_parameters.items()}
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("library")
    (library / "folder").mkdir()
    for name, content in pictures().items():
        (library / name).write_bytes(content)
    return library


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with ImageKitEmulator(library=folder) as ik:
        yield ik.url


def excluded_checks_of(case: Any) -> list[Any]:
    excluded = [*NOT_PROMISED]
    if case.operation.path in MAY_BE_REFUSED:
        excluded.append(checks.positive_data_acceptance)
    if case.operation.path in FORMS:
        excluded.append(checks.negative_data_rejection)
    return excluded


@schema.parametrize()
@settings(max_examples=50)
def test_every_response_conforms_to_the_description(case, address):
    case.call_and_validate(base_url=address, excluded_checks=excluded_checks_of(case))


def test_every_response_in_a_sequence_conforms_to_the_description(folder):
    class Chain(schema.as_state_machine()):
        def setup(self):
            # Each sequence has its own server, because changes by one would affect the next.
            self.ik = ImageKitEmulator(library=folder).start()

        def teardown(self):
            self.ik.close()

        def get_call_kwargs(self, case):
            return {"base_url": self.ik.url}

        def validate_response(self, response, case, additional_checks=(), **options):
            case.validate_response(response, excluded_checks=excluded_checks_of(case), recorder=self.recorder)

    Chain.run(settings=settings(max_examples=30, stateful_step_count=8))


def test_the_description_is_served_without_a_key(address):
    served = requests.get(f"{address}/openapi.json", timeout=10).json()
    assert served == openapi(address, "demo")
