"""A part of a file is asked for as RFC 9110 says."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from api.ranges import ranged

FILE = bytes(range(200))


def pieces(start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, 7):
        yield FILE[at : min(at + 7, end)]


async def answer(request: Request) -> Response:
    return ranged(request, len(FILE), '"v1"', pieces, "application/zip", {"x-more": "yes"})


CLIENT = TestClient(Starlette(routes=[Route("/", answer, methods=["GET", "HEAD"])]))


@given(st.integers(0, 300), st.integers(0, 300))
def test_one_range(first: int, last: int) -> None:
    got = CLIENT.get("/", headers={"range": f"bytes={first}-{last}"})
    if last < first:  # which means nothing
        assert (got.status_code, got.content) == (200, FILE)
    elif first >= len(FILE):
        assert (got.status_code, got.headers["content-range"]) == (416, f"bytes */{len(FILE)}")
    else:
        part = FILE[first : last + 1]
        assert (got.status_code, got.content) == (206, part)
        assert got.headers["content-range"] == f"bytes {first}-{first + len(part) - 1}/{len(FILE)}"
        assert got.headers["content-length"] == str(len(part))


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=190-", 206, FILE[190:]),
        ("bytes=-10", 206, FILE[190:]),
        ("bytes=-1000", 206, FILE),
        ("bytes=-0", 416, b""),
        ("bytes=200-", 416, b""),
        ("bytes=0-1,5-6", 200, FILE),
        ("bytes=-", 200, FILE),
        ("bytes=a-b", 200, FILE),
        ("seconds=0-1", 200, FILE),
        ("", 200, FILE),
    ],
)
def test_others(asked: str, status: int, content: bytes) -> None:
    got = CLIENT.get("/", headers={"range": asked})
    assert (got.status_code, got.content) == (status, content)


def test_a_part_of_a_file_that_has_changed_is_the_whole() -> None:
    for version, status in (('"v1"', 206), ('"v0"', 200)):
        got = CLIENT.get("/", headers={"range": "bytes=0-1", "if-range": version})
        assert (got.status_code, got.headers["etag"]) == (status, '"v1"')


def test_head_has_the_headers_and_reads_nothing() -> None:
    for headers in ({}, {"range": "bytes=3-9"}):
        head, got = CLIENT.head("/", headers=headers), CLIENT.get("/", headers=headers)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers == got.headers
        assert head.headers["x-more"] == "yes"
