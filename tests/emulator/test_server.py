from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psutil
import pytest
import requests

from airflow_provider_imagekit.emulator import Fault, ImageKitEmulator, RateLimits
from tests.support import PATIENCE, one_of_three, wait_until

if TYPE_CHECKING:
    from pathlib import Path


def test_it_stops_and_restarts_on_the_same_port(ik, get):
    address = ik.url
    ik.stop()
    with pytest.raises(requests.ConnectionError):
        get("/v1/files")
    ik.start()
    assert ik.url == address
    assert get("/v1/files").status_code == 200


def test_it_leaves_no_thread_running(library: Path):
    before = set(threading.enumerate())
    with ImageKitEmulator(library=library) as ik, requests.Session() as session:
        session.get(ik.url + "/v1/files", auth=(ik.private_key, ""), timeout=10)
        assert set(threading.enumerate()) - before
    assert set(threading.enumerate()) <= before


def test_it_stops_at_once_with_requests_in_progress(ik, get):
    ik.inject(delay=600)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(get, "/v1/files")
        wait_until(lambda: ik.requests, "a request has come")
        started = time.monotonic()
        ik.stop()
        assert time.monotonic() - started < PATIENCE
        with pytest.raises(requests.ConnectionError):
            waiting.result()


def test_it_starts_within_half_a_second(library: Path):
    def seconds() -> float:
        started = time.monotonic()
        with ImageKitEmulator(library=library):
            return time.monotonic() - started

    assert one_of_three(lambda: seconds() < 0.5)


def test_it_requires_an_existing_folder(tmp_path: Path):
    with pytest.raises(NotADirectoryError):
        ImageKitEmulator(library=tmp_path / "none")


def test_it_closes_its_resources_if_the_port_is_in_use(ik, library: Path, tmp_path: Path):
    state, port = tmp_path / "state", int(ik.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"), ImageKitEmulator(library, port=port, state=state):
        pass
    assert list(state.iterdir())
    assert not [file.path for file in psutil.Process().open_files() if str(state) in file.path]


def test_requests_are_recorded_as_they_arrived(ik, get):
    get("/v1/metadata?url=a%20b&x=1", headers={"X-Test": "yes"})
    (request,) = ik.requests
    assert (request.method, request.path, request.status) == ("GET", "/v1/metadata", 400)
    assert request.raw_target == "/v1/metadata?url=a%20b&x=1"
    assert request.query == {"url": "a b", "x": "1"}
    assert request.headers["x-test"] == "yes"
    ik.clear()
    assert ik.requests == []


def test_latency_delays_every_response(library: Path):
    with ImageKitEmulator(library=library, latency=0.1) as ik:
        started = time.monotonic()
        requests.get(ik.url + "/v1/files", timeout=10)
        assert time.monotonic() - started >= 0.1


def test_rate_limits_hold_per_endpoint_across_the_account(library: Path):
    with ImageKitEmulator(library=library, rate_limits=RateLimits.of("2/10s")) as ik:
        auth = (ik.private_key, "")
        responses = [requests.get(ik.url + "/v1/files", auth=auth, timeout=10) for _ in range(3)]
        assert [response.status_code for response in responses] == [200, 200, 429]
        refused = responses[-1].headers
        assert refused["X-RateLimit-Limit"] == "2"
        assert refused["X-RateLimit-Interval"] == "10000"
        assert 0 < int(refused["X-RateLimit-Reset"]) <= 10_000
        assert "Retry-After" not in refused
        other = requests.get(f"{ik.url}/v1/files/{'0' * 24}/metadata", auth=auth, timeout=10)
        assert other.status_code == 404
        ik.clear()
        assert requests.get(ik.url + "/v1/files", auth=auth, timeout=10).status_code == 200


def test_a_fault_affects_only_the_next_matching_requests(ik, get):
    injected = ik.inject(status=503, match="/v1/metadata", times=2)
    statuses = [get("/v1/files").status_code, *(get("/v1/metadata").status_code for _ in range(3))]
    assert statuses == [200, 503, 503, 400]
    assert injected.hits == 2


def test_a_fault_without_end_ends_when_cleared(ik, get):
    ik.inject(Fault(status=429, headers={"X-RateLimit-Reset": "3000"}, times=None))
    responses = [get("/v1/files") for _ in range(3)]
    assert {response.status_code for response in responses} == {429}
    assert responses[0].headers["X-RateLimit-Reset"] == "3000"
    ik.clear_faults()
    assert get("/v1/files").status_code == 200


def test_a_share_of_the_requests_is_affected_evenly(ik, get):
    ik.inject(status=500, share=0.25, times=None)
    assert [get("/v1/files?limit=1").status_code for _ in range(8)] == [200, 200, 200, 500] * 2


def test_a_dropped_connection_is_a_reset(ik, get):
    for drop in ("before", "middle"):
        ik.inject(drop=drop)
        with pytest.raises(
            (requests.ConnectionError, requests.exceptions.ChunkedEncodingError), match="reset"
        ):
            get("/v1/files")
        assert ik.requests[-1].status is None


@pytest.mark.parametrize("fault", [Fault(truncate=True), Fault(content_length=1_000_000)])
def test_a_body_may_end_too_early(ik, get, fault):
    ik.inject(fault)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        get("/v1/files")


@pytest.mark.parametrize("items", [0, 2])
def test_a_page_may_be_cut_short(ik, get, items):
    whole = get("/v1/files").json()
    ik.inject(items=items, times=2)
    assert get("/v1/files").json() == whole[:items]
    assert get(f"/v1/files/{whole[0]['fileId']}/details").json() == whole[0]
    assert get("/v1/files").json() == whole


def test_a_response_may_be_invalid_http(ik, get):
    ik.inject(garbage=True)
    with pytest.raises(requests.ConnectionError, match="BadStatusLine"):
        get("/v1/files")


def test_a_response_may_be_slow_or_drip(ik, get):
    expected = get("/v1/files?limit=1").json()
    for fault in (Fault(delay=0.2), Fault(drip=0.0001)):
        started = time.monotonic()
        ik.inject(fault)
        assert get("/v1/files?limit=1").json() == expected
        assert time.monotonic() - started >= 0.1


def test_the_headers_may_drip_before_the_body(ik, get):
    whole = get("/v1/files?limit=1")
    ik.inject(drip_headers=0.001)
    response = get("/v1/files?limit=1", stream=True)
    assert response.elapsed.total_seconds() >= 0.1  # time until the headers arrive
    assert response.json() == whole.json()
    assert set(whole.headers) - set(response.headers) <= {"date", "server"}  # the web server's own
    ik.inject(drip_headers=0.001, drip=0.001)
    assert get("/v1/files?limit=1").json() == whole.json()


def test_a_response_may_be_redirected_compressed_or_replaced(ik, get):
    ik.inject(redirect="/elsewhere")
    response = get("/v1/files", allow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (302, "/elsewhere")
    ik.inject(gzip=True)
    assert get("/v1/files").headers["content-encoding"] == "gzip"
    ik.inject(body="<html>", headers={"Content-Type": "text/html"})
    page = get("/v1/files")
    assert (page.status_code, page.text, page.headers["content-type"]) == (200, "<html>", "text/html")


@pytest.mark.parametrize(
    ("fault", "status", "message"),
    [
        (Fault(expired_key=True), 403, "Your request contains expired private API key."),
        (Fault(status=404), 404, "The requested file does not exist or is inaccessible at this time."),
        (Fault(status=429), 429, "You have exceeded the rate limit for this endpoint."),
        (Fault(status=502), 502, "We have experienced an internal error while processing your request."),
        (Fault(status=400, body={"message": "own"}), 400, "own"),
    ],
)
def test_a_fault_with_a_status_returns_imagekits_error(ik, get, fault, status, message):
    ik.inject(fault)
    response = get("/v1/files")
    assert (response.status_code, response.json()["message"]) == (status, message)


@pytest.mark.parametrize(
    "fields",
    [
        {"times": 0},
        {"share": 0},
        {"drop": "after"},
        {"status": 99},
        {"delay": -1},
        {"drip": float("nan")},
        {"drip_headers": -1},
        {"content_length": -1},
        {"headers": {"a b": "c"}},
        {"headers": {"a": "b\r\nc: d"}},
    ],
)
def test_an_invalid_fault_is_refused(ik, fields):
    with pytest.raises(ValueError, match=" is "):
        ik.inject(**fields)


def test_the_airflow_connection_contains_key_and_urls(ik):
    assert ik.airflow_connection == {
        "conn_type": "imagekit",
        "password": ik.private_key,
        "host": ik.url,
        "extra": {"url_endpoint": ik.url + "/demo"},
    }
