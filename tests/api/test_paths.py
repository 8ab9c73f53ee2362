"""Behind a proxy: which prefix counts, and what of it the page and the documentation show."""

import re
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.testclient import TestClient

from api.config import ServerConfig
from api.docs.page import router as docs_router
from api.paths import CanonicalPaths, parse_prefix, prefix_of
from api.studio.page import STATIC
from api.studio.page import router as studio_router
from tests.api.fake_runner import FakeRunner


def site(root_path: str = "") -> TestClient:
    app = FastAPI(openapi_url=None, docs_url=None, middleware=[Middleware(CanonicalPaths, root_path=root_path)])
    app.include_router(docs_router)
    app.include_router(studio_router)
    app.state.config, app.state.runner = ServerConfig.from_env({}), FakeRunner().client()

    @app.get("/where")
    def where(request: Request) -> dict[str, Any]:
        return {"prefix": prefix_of(request.scope)}

    return TestClient(app)


@pytest.mark.parametrize(
    ("root_path", "sent", "prefix"),
    [
        ("", None, ""),
        ("", "/speech", "/speech"),
        ("", "/speech/", "/speech"),
        ("", "/", ""),
        ("/tts", None, "/tts"),
        ("/tts", "/a/b", "/a/b"),
        ("/tts", '/"><script>', "/tts"),
        ("", "//elsewhere.example", ""),
        ("", "/a, /b", ""),
    ],
)
def test_the_proxys_prefix_counts_before_the_operators(root_path: str, sent: str | None, prefix: str) -> None:
    headers = {} if sent is None else {"X-Forwarded-Prefix": sent}
    http = site(root_path)
    assert http.get("/where", headers=headers).json() == {"prefix": prefix}
    assert http.get(f"{prefix}/where", headers=headers).json() == {"prefix": prefix}  # the proxy has left it on


@pytest.mark.parametrize("page", ["/", "/docs"])
def test_pages_lead_back_behind_the_prefix(page: str) -> None:
    http = site()
    assert "<base" not in http.get(page).text
    assert '<base href="/speech/">' in http.get(page, headers={"X-Forwarded-Prefix": "/speech"}).text
    assert not re.search(r'(href|src)="/', http.get(page).text)


def test_the_document_names_its_server() -> None:
    http = site("/tts")
    assert http.get("/docs.json").json()["servers"] == [{"url": "/tts"}]
    assert "servers" not in site().get("/docs.json").json()


@pytest.mark.parametrize("text", ["tts", "/a b", "//x", "https://x/y"])
def test_what_is_no_prefix(text: str) -> None:
    with pytest.raises(ValueError, match="/speech"):
        parse_prefix(text)


def test_the_studios_files_are_small_whole_and_under_a_strict_policy() -> None:
    http = site()
    page = http.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in page.text
    for file in sorted(STATIC.iterdir()):
        answer = http.get(f"/studio/{file.name}")
        assert answer.status_code == 200
        assert answer.headers["content-security-policy"] == policy
        for used in re.findall(r'from "\./([\w.]+)"', answer.text):
            assert (STATIC / used).is_file(), (file, used)
    assert sum(file.stat().st_size for file in STATIC.iterdir()) < 75_000
    assert http.get("/studio/../page.py").status_code == 404
    assert http.get("/favicon.ico").headers["content-type"] == "image/svg+xml"


def test_both_languages_have_all_words() -> None:
    words = (STATIC / "words.js").read_text()
    english, hungarian = words.split("\n  hu: {")
    keys = [set(re.findall(r'[{,\s]"?([a-z][\w-]*)"?: "', part)) for part in (english, hungarian)]
    assert keys[0] == keys[1]
    pages = "".join(file.read_text() for file in STATIC.glob("*.*"))
    asked = set(re.findall(r'\bt\("([\w-]+)"', pages)) | set(re.findall(r'data-t(?:-label)?="([\w-]+)"', pages))
    assert asked <= keys[0]
