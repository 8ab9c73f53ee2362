"""What a browser needs to hear, and what it must never hear."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.auth.cors import EXPOSED, CrossOrigin, parse_origins
from api.error_bodies import ErrorBodies

SITE, STRANGER = "https://app.example.com", "https://evil.example.com"


async def work(request: Request) -> Response:
    if "fail" in request.query_params:
        raise ZeroDivisionError
    return PlainTextResponse("spoken")


def client(*origins: str) -> httpx.AsyncClient:
    app = Starlette(
        routes=[Route("/work", work, methods=["POST"])],
        middleware=[Middleware(CrossOrigin, origins=origins), Middleware(ErrorBodies)],
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server")


def preflight(origin: str, method: str = "POST", **more: str) -> dict[str, str]:
    return {"Origin": origin, "Access-Control-Request-Method": method, **more}


async def test_a_preflight_of_a_known_site_is_answered():
    asked = {"Access-Control-Request-Headers": "authorization,content-type,x-stainless-os"}
    async with client(SITE, "http://localhost:5173") as http:
        answer = await http.options("/work", headers=preflight(SITE, **asked))
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == SITE
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type,x-stainless-os"
    assert "DELETE" in answer.headers["access-control-allow-methods"]
    assert "Origin" in answer.headers["vary"]


async def test_a_preflight_of_a_page_in_the_open_net_for_a_server_at_home():
    asked = {"Access-Control-Request-Private-Network": "true"}
    async with client(SITE) as http:
        answer = await http.options("/work", headers=preflight(SITE, **asked))
    assert (answer.status_code, answer.headers["access-control-allow-private-network"]) == (200, "true")


@pytest.mark.parametrize(
    ("origin", "method"), [(STRANGER, "POST"), (SITE, "TRACE"), ("null", "POST"), (f"{SITE}.evil", "POST")]
)
async def test_a_preflight_that_is_refused_has_our_body(origin: str, method: str):
    async with client(SITE) as http:
        answer = await http.options("/work", headers=preflight(origin, method))
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers.get("access-control-allow-origin") in ((SITE,) if origin == SITE else (None,))


async def test_answers_and_errors_can_be_read_by_the_site_and_by_no_other():
    async with client(SITE) as http:
        for request in (("POST", "/work"), ("GET", "/work"), ("POST", "/nowhere"), ("POST", "/work?fail")):
            answer = await http.request(*request, headers={"Origin": SITE})
            assert answer.headers["access-control-allow-origin"] == SITE
            assert answer.headers["access-control-expose-headers"] == ", ".join(EXPOSED)
            assert "Origin" in answer.headers["vary"]
            other = await http.request(*request, headers={"Origin": STRANGER})
            assert "access-control-allow-origin" not in other.headers
            assert other.status_code == answer.status_code
            assert (await http.request(*request)).status_code == answer.status_code


async def test_every_site_may_but_never_with_credentials():
    async with client("*") as http:
        answers = [
            await http.options("/work", headers=preflight(STRANGER)),
            await http.post("/work", headers={"Origin": STRANGER, "Cookie": "session=1"}),
        ]
    for answer in answers:
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


def test_origins_as_browsers_write_them():
    origins = "HTTPS://App.Example.com , http://localhost:5173,capacitor://localhost, http://[::1]:80"
    assert parse_origins(origins) == (SITE, "http://localhost:5173", "capacitor://localhost", "http://[::1]:80")
    assert parse_origins("*") == ("*",)


@pytest.mark.parametrize(
    "text", [f"{SITE}/", f"{SITE}/path", "app.example.com", f"*,{SITE}", "https://*.example.com", "null"]
)
def test_a_wrong_origin_says_what_is_right(text: str):
    with pytest.raises(ValueError, match="such as https://app"):
        parse_origins(text)
