"""Keys, limits, proxies and CORS over real HTTP, each test with a key (and so with limits) of its own."""

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import bentoml
import httpx
import pytest
from bentoml.exceptions import BentoMLException

from api.paths import LISTS
from tests.service.server import Server, serving

ROUTES = tuple(f"routes-{number}" for number in range(4))  # one caller may not ask for all of them at once
OWNERS = (*ROUTES, "headers", "forms", "cors", "requests", "characters", "refused", "proxy", "client", "log")
SITE = "https://app.example.com"
PAGES = {"/", "/studio/app.js", "/favicon.ico", "/docs", "/docs.json", "/schema.json", "/static_content/swagger-ui.css"}
OPEN = {"/livez", "/readyz", "/healthz", "/health", *PAGES}
REQUESTS, CHARACTERS, WINDOW = 30, 40, 5  # of each caller


def key(owner: str) -> str:
    return f"the-long-key-of-{owner}"


def bearer(owner: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key(owner)}"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("guarded")
    keys = folder / "keys"
    keys.write_text("\n".join(f"{hashlib.sha256(key(owner).encode()).hexdigest()}  {owner}" for owner in OWNERS))
    environ = {
        "XTTS_CACHE_DIR": str(cache_dir),
        "XTTS_API_KEYS": f"@{keys}",
        "XTTS_RATE_LIMIT": f"{REQUESTS}/{WINDOW} seconds",
        "XTTS_CHARACTER_LIMIT": f"{CHARACTERS}/{WINDOW} seconds",
        "XTTS_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8",
        "XTTS_CORS_ORIGINS": SITE,
    }
    with serving(folder, environ) as running:
        yield running


def all_routes(server: Server) -> set[tuple[str, str]]:
    """Method and path of what is documented, of what is not, and of what is not there."""
    documented = httpx.get(f"{server.url}/docs.json").json()["paths"]
    routes = {(method.upper(), path) for path, methods in documented.items() for method in methods}
    more = {("GET", path) for path in (*OPEN, "/metrics", "/nowhere")} | {("PUT", "/nowhere"), ("OPTIONS", "/nowhere")}
    return {(method, re.sub(r"\{.*?\}", "x", path)) for method, path in routes | more}


def test_every_route_but_the_open_ones_needs_a_key(guarded: Server) -> None:
    routes = all_routes(guarded)
    assert {("POST", "/generate/simple"), ("POST", "/generate/segmented")} <= routes
    with guarded.client() as client:
        for method, path in sorted(routes):
            without = client.request(method, path)
            listed = method == "GET" and path in LISTS
            assert (without.status_code != 401) == (path in OPEN or listed), (method, path)
            if path not in OPEN and not listed:
                assert without.headers["www-authenticate"] == "Bearer"
                assert client.request(method, path, headers={"X-API-Key": "wrong"}).status_code == 401
        for number, (method, path) in enumerate(sorted(routes)):
            known = client.request(method, path, headers=bearer(ROUTES[number // REQUESTS]))
            assert known.status_code not in (401, 429), (method, path)
        assert client.get("/metrics", headers=bearer("log")).status_code == 200


def test_the_document_shows_a_lock_where_a_key_is_needed(guarded: Server, server: Server) -> None:
    for which, keys in ((guarded, True), (server, False)):
        document = httpx.get(f"{which.url}/docs.json").json()
        locked = {
            path for path, methods in document["paths"].items() if any("security" in op for op in methods.values())
        }
        assert ("securitySchemes" in document["components"]) == keys
        assert locked == (document["paths"].keys() - set(OPEN) if keys else set())


def test_both_ways_to_send_a_key_and_what_is_said_without(guarded: Server) -> None:
    with guarded.client() as client:
        for headers in (bearer("headers"), {"X-API-Key": key("headers")}):
            answer = client.post("/generate/simple", json={"text": "Hé!"}, headers=headers)
            assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")
        for headers in ({}, {"X-API-Key": key("nobody")}, {"Authorization": f"Basic {key('headers')}"}):
            refused = client.post("/generate/simple", json={"text": "Hé!"}, headers=headers)
            assert refused.status_code == 401
            assert refused.json()["error"].keys() == {"type", "message", "param"}
            assert refused.json()["error"]["type"] == "unauthorized"


def test_a_key_is_asked_for_before_the_body_is_read(guarded: Server) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield b" " * 10_000

    with guarded.client() as client:
        assert client.post("/generate/simple", content=endless()).status_code == 401
        assert client.post("/generate/simple", content=endless(), headers=bearer("headers")).status_code == 413


def test_bentomls_client_sends_its_token(guarded: Server) -> None:
    with bentoml.SyncHTTPClient(guarded.url, token=key("client")) as client:
        assert client.simple(text="Hé!")
    with bentoml.SyncHTTPClient(guarded.url) as client, pytest.raises(BentoMLException, match="A key is needed"):
        client.simple(text="Hé!")


def test_a_preflight_needs_no_key_and_errors_can_be_read_across_origins(guarded: Server) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}
    with guarded.client() as client:
        preflight = client.options("/generate/simple", headers={"Origin": SITE, **asked})
        assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, SITE)
        assert preflight.headers["access-control-allow-headers"] == "authorization, content-type"
        stranger = client.options("/generate/simple", headers={"Origin": "https://evil.example.com", **asked})
        assert (stranger.status_code, stranger.json()["error"]["type"]) == (400, "invalid_request")
        assert client.options("/generate/simple", headers={"Origin": SITE}).status_code == 401  # no preflight

        known = {"Origin": SITE, **bearer("cors")}
        post = "/generate/simple"
        answers = {
            401: client.post(post, json={"text": "Hé!"}, headers={"Origin": SITE}),
            200: client.post(post, json={"text": "Hé!"}, headers=known),
            404: client.get("/nowhere", headers=known),
            405: client.get(post, headers=known),
            413: client.post(post, content=b" " * 10_000_000, headers=known),
            415: client.post(post, content=b"x", headers={"Content-Type": "application/vnd.bentoml+pickle", **known}),
            422: client.post(post, json={"text": ""}, headers=known),
            429: client.post(post, json={"text": "a" * (CHARACTERS - 2)}, headers=known),
        }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == SITE
        assert {"X-Seed", "Retry-After", "RateLimit-Reset"} <= set(
            answer.headers["access-control-expose-headers"].split(", ")
        )
        assert ("ratelimit-limit" in answer.headers) == (status != 401)


async def test_of_many_requests_at_once_as_many_pass_as_may_and_later_more(guarded: Server) -> None:
    async with httpx.AsyncClient(base_url=guarded.url, headers=bearer("requests"), timeout=120) as client:
        answers = await asyncio.gather(*(client.get("/nowhere") for _ in range(REQUESTS + 15)))
        refused = [answer for answer in answers if answer.status_code == 429]
        assert [answer.status_code for answer in answers].count(404) == REQUESTS
        assert len(refused) == 15
        assert {answer.headers["ratelimit-limit"] for answer in answers} == {str(REQUESTS)}
        left = sorted(int(answer.headers["ratelimit-remaining"]) for answer in answers)
        assert left == [0] * 15 + list(range(REQUESTS))
        assert refused[0].json()["error"]["type"] == "rate_limited"
        assert 1 <= int(refused[0].headers["retry-after"]) <= WINDOW
        assert refused[0].headers["retry-after"] == refused[0].headers["ratelimit-reset"]

        assert (await client.get("/nowhere", headers=bearer("log"))).status_code == 404  # nobody else suffers
        assert (await client.get("/health")).status_code == 200
        await asyncio.sleep(int(refused[0].headers["retry-after"]))
        assert (await client.get("/nowhere")).status_code == 404


async def test_characters_are_counted_and_later_there_are_more(guarded: Server) -> None:
    async with httpx.AsyncClient(base_url=guarded.url, headers=bearer("characters"), timeout=180) as client:
        texts = ["Hé!"] * 12 + ["ő" * 35]
        answers = await asyncio.gather(*(client.post("/generate/simple", json={"text": text}) for text in texts))
        spoken = [text for text, answer in zip(texts, answers, strict=True) if answer.status_code == 200]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(spoken) + len(refused) == len(answers)
        assert refused
        assert sum(map(len, spoken)) <= CHARACTERS
        error = refused[0].json()["error"]
        assert (error["type"], error["param"]) == ("rate_limited", None)
        assert f"{CHARACTERS} characters per {WINDOW} seconds" in error["message"]
        assert refused[0].headers["ratelimit-limit"] == str(CHARACTERS)

        await asyncio.sleep(int(refused[0].headers["retry-after"]))
        answer = await client.post("/generate/segmented", json={"segments": [{"text": "Hé!"}] * 3})
        assert answer.status_code == 200
        assert answer.headers["ratelimit-remaining"] == str(CHARACTERS - 9)
        at_once = await client.post("/generate/segmented", json={"segments": [{"text": "a" * 21}] * 2})
        assert (at_once.status_code, at_once.json()["error"]["param"]) == (422, "segments")


def test_what_is_refused_costs_no_characters(guarded: Server) -> None:
    text = "a" * (CHARACTERS - 3)
    wrong: list[dict[str, object]] = [
        {"text": text, "voice": "nobody"},
        {"text": text, "style": "angry"},
        {"text": text, "language": "xx"},  # the runner refuses this one
        {"text": "ქ" * (CHARACTERS - 3)},  # and this one
    ]
    with guarded.client() as client:
        for body in wrong:
            assert client.post("/generate/simple", json=body, headers=bearer("refused")).status_code in (404, 422)
        answer = client.post("/generate/simple", json={"text": "Hé!"}, headers=bearer("refused"))
    assert answer.status_code == 200
    assert int(answer.headers["ratelimit-remaining"]) >= REQUESTS - len(wrong) - 1
    assert answer.headers["ratelimit-limit"] == str(REQUESTS)  # it is not the characters that are scarce


@pytest.mark.parametrize(
    ("forwarded", "caller"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("198.51.100.1, 203.0.113.6, 10.1.2.3", "203.0.113.6"),  # the first is what the caller claims
        ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
    ],
)
def test_a_trusted_proxy_is_believed(guarded: Server, forwarded: str, caller: str) -> None:
    assert client_of(guarded, forwarded) == caller


def test_nobody_is_believed_unless_told_so(server: Server) -> None:
    assert client_of(server, "203.0.113.5") == "127.0.0.1"


def client_of(server: Server, forwarded: str) -> str:
    """Whom the log says a request was from that came with this X-Forwarded-For."""
    request_id = f"{time.monotonic_ns()}"
    with server.client() as client:
        client.get("/voices", headers={"X-Forwarded-For": forwarded, "X-Request-ID": request_id, **bearer("proxy")})
    for _ in range(100):
        if lines := [line for line in server.log.read_text().splitlines() if f'"{request_id}"' in line]:
            return str(json.loads(lines[0])["client"])
        time.sleep(0.05)
    raise AssertionError("the request was not logged")


def test_the_log_says_who_may_and_holds_no_key(guarded: Server, server: Server) -> None:
    with guarded.client() as client:
        client.get("/nowhere", headers=bearer("log"))
        client.get("/nowhere", headers={"X-API-Key": "the-long-key-of-nobody"})
    log = guarded.log.read_text()
    assert log.count(f"Requests need one of {len(OWNERS)} API keys") == 1
    assert "the-long-key" not in log
    assert server.log.read_text().count("The server is open to all who can reach it") == 1


def test_a_server_without_keys_limits_and_cors_is_as_it_was(server: Server) -> None:
    with server.client() as client:
        answer = client.get("/metrics", headers={"Origin": SITE})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith(("ratelimit", "access-control"))]
