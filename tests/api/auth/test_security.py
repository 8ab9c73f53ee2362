"""KeyBackend and their limits, through the real middlewares before a small application."""

import hashlib
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from api.auth.account import charged
from api.auth.keys import read_keys
from api.auth.rates import parse_limit
from api.auth.security import KeyBackend, RateLimits, address_of, parse_proxies, refuse_caller
from api.error_responses import answer
from api.errors import RateLimited
from api.paths import is_open

KEY = "correct-horse"
NAME = "9dca666e"  # how its sha256 begins


async def say(request: Request) -> Response:
    try:
        async with charged(int(request.query_params.get("characters", 0)), "text"):
            return PlainTextResponse(request.user.display_name)
    except RateLimited as error:
        return answer(error)


def application(keys: str = "", requests: str = "", characters: str = "") -> Starlette:
    limits = {
        name: parse_limit(rule) if rule else None for name, rule in (("requests", requests), ("characters", characters))
    }
    return Starlette(
        routes=[Route(path, say) for path in ("/say", "/health")],
        middleware=[
            Middleware(
                AuthenticationMiddleware,
                backend=KeyBackend(read_keys(keys) if keys else ()),
                on_error=refuse_caller,
            ),
            Middleware(RateLimits, **limits, store="memory"),
        ],
    )


def client(app: Starlette, address: str = "192.0.2.1") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(address, 5000)), base_url="http://server")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": KEY},
        {"x-api-key": KEY},
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": f"bearer {KEY}"},
        {"Authorization": f"BEARER   {KEY} "},
        {"Authorization": "Basic dTpw", "X-API-Key": KEY},
        {"Authorization": "Bearer wrong", "X-API-Key": KEY},
    ],
    ids=str,
)
async def test_a_key_lets_in_and_its_hash_names_the_caller(headers: dict[str, str]):
    async with client(application(keys=f"other,{KEY}")) as http:
        answer = await http.get("/say", headers=headers)
    assert (answer.status_code, answer.text) == (200, NAME)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "A key is needed"),
        ({"X-API-Key": ""}, "A key is needed"),
        ({"Authorization": KEY}, "A key is needed"),
        ({"Authorization": "Bearer"}, "A key is needed"),
        ({"Authorization": "Bearer "}, "A key is needed"),
        ({"Authorization": f"Basic {KEY}"}, "A key is needed"),
        ({"Authorization": f"Token {KEY}"}, "A key is needed"),
        ({"Cookie": f"X-API-Key={KEY}"}, "A key is needed"),
        ({"X-API-Key": f"{KEY}!"}, "no such key"),
        ({"X-API-Key": f"other,{KEY}"}, "no such key"),
        ({"X-API-Key": "wrong", "Authorization": f"Bearer {KEY}"}, "no such key"),
        ({"X-API-Key": NAME}, "no such key"),
        ({"Authorization": b"Bearer \xff\xfe"}, "no such key"),
    ],
    ids=str,
)
async def test_without_a_right_key_nobody_gets_in(headers: dict[str, str], words: str):
    async with client(application(keys=f"other,{KEY}")) as http:
        answer = await http.get("/say", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("unauthorized", None)
    assert words in error["message"]


async def test_a_key_of_a_file_may_hold_any_letters(tmp_path: Path):
    file = tmp_path / "keys"
    file.write_text(hashlib.sha256("kulcsocskám".encode()).hexdigest() + "  anna")
    async with client(application(keys=f"@{file}")) as http:
        answer = await http.get("/say", headers={"X-API-Key": "kulcsocskám".encode()})
    assert (answer.status_code, answer.text) == (200, "anna")


def test_a_websocket_needs_a_key_too():
    with pytest.raises(WebSocketDisconnect), TestClient(application(keys=KEY)).websocket_connect("/say"):
        pass


@pytest.mark.parametrize(
    "path",
    ["/livez", "/readyz", "/healthz", "/health", "/", "/studio/a.js", "/docs", "/docs.json", "/static_content/a.js"],
)
def test_open_paths(path: str):
    assert is_open(path)


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/generate/simple",
        "/health/",
        "//health",
        "/healthx",
        "/HEALTH",
        "/static_content",
        "",
        "/docs.json/",
    ],
)
def test_all_others_are_closed(path: str):
    assert not is_open(path)


async def test_open_paths_ask_for_no_key_and_count_nothing():
    async with client(application(keys=KEY, requests="1/hour")) as http:
        for headers in ({}, {"X-API-Key": "wrong"}, {"X-API-Key": KEY}):
            answer = await http.get("/health", headers=headers)
            assert (answer.status_code, answer.text) == (200, "")
            assert "ratelimit-limit" not in answer.headers
        assert (await http.get("/say", headers={"X-API-Key": KEY})).status_code == 200


async def test_each_key_has_limits_of_its_own_wherever_it_calls_from():
    app = application(keys="a,b", requests="2/hour")
    statuses = []
    for key, address in (
        ("a", "192.0.2.1"),
        ("a", "192.0.2.2"),
        ("b", "192.0.2.1"),
        ("a", "192.0.2.3"),
        ("b", "192.0.2.1"),
    ):
        async with client(app, address) as http:
            statuses.append((await http.get("/say", headers={"X-API-Key": key})).status_code)
    assert statuses == [200, 200, 200, 429, 200]


async def test_without_keys_each_address_has():
    app = application(requests="1/hour")
    statuses = []
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"):
        async with client(app, address) as http:
            statuses.append((await http.get("/say")).status_code)
    assert statuses == [200, 200, 429, 200, 429, 200]  # the neighbours in an IPv6 /64 are one


async def test_answers_say_how_the_limits_stand():
    async with client(application(requests="2/minute")) as http:
        answers = [await http.get(path) for path in ("/say", "/nowhere", "/say")]
    assert [answer.status_code for answer in answers] == [200, 404, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert {answer.headers["ratelimit-limit"] for answer in answers} == {"2"}
    assert all(58 <= int(answer.headers["ratelimit-reset"]) <= 60 for answer in answers)
    assert answers[2].headers["retry-after"] == answers[2].headers["ratelimit-reset"]
    assert answers[2].json()["error"]["type"] == "rate_limited"
    assert "2 requests per minute" in answers[2].json()["error"]["message"]


async def test_a_request_that_is_refused_costs_no_characters():
    async with client(application(requests="4/hour", characters="10/hour")) as http:
        answers = [await http.get(f"/say?characters={number}") for number in (6, 5, 4, 1, 1)]
    assert [answer.status_code for answer in answers] == [200, 429, 200, 429, 429]
    standings = [(answer.headers["ratelimit-limit"], answer.headers["ratelimit-remaining"]) for answer in answers]
    assert standings == [("10", "4"), ("10", "4"), ("10", "0"), ("10", "0"), ("4", "0")]
    assert "10 characters per hour; 4 are left" in answers[1].json()["error"]["message"]


async def test_without_limits_there_are_no_headers_of_them():
    async with client(application()) as http:
        answer = await http.get("/say?characters=1000000")
    assert (answer.status_code, answer.text) == (200, "192.0.2.1")
    assert not [name for name in answer.headers if name.startswith("ratelimit")]


def connection(host: str) -> HTTPConnection:
    return HTTPConnection({"type": "http", "headers": [], "client": (host, 1)})


@settings(max_examples=100)
@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_itself_however_it_is_written(address: IPv4Address):
    assert address_of(connection(str(address))) == str(address)
    assert address_of(connection(f"::ffff:{address}")) == str(address)


@settings(max_examples=100)
@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1), st.integers(0, 63))
def test_an_ipv6_address_stands_for_its_64(address: IPv6Address, host: int, bit: int):
    if address.ipv4_mapped:
        return
    caller = address_of(connection(str(address)))
    assert caller.endswith("/64")
    assert address in ip_network(caller)
    assert address_of(connection(str(IPv6Address(int(address) >> 64 << 64 | host)))) == caller
    assert address_of(connection(str(IPv6Address(int(address) ^ 1 << 64 + bit)))) != caller


def test_callers_without_an_address():
    assert address_of(HTTPConnection({"type": "http", "headers": []})) == "local"
    assert address_of(connection("unknown")) == "unknown"


@settings(max_examples=100)
@given(
    st.lists(
        st.one_of(st.ip_addresses(), st.ip_addresses().map(lambda a: ip_network((a, 20), strict=False))), max_size=4
    )
)
def test_proxies_are_addresses_and_networks(trusted: list[object]):
    parsed = parse_proxies(" , ".join(map(str, trusted)))
    assert [ip_network(item) for item in parsed] == [ip_network(item) for item in trusted]  # type: ignore[arg-type]


@settings(max_examples=100)
@given(st.text(max_size=20))
def test_anything_else_is_no_proxy(text: str):
    try:
        parsed = parse_proxies(text)
    except ValueError as error:
        assert "addresses or networks" in str(error)  # noqa: PT017
    else:
        assert all(ip_network(item) for item in parsed)


@pytest.mark.parametrize("text", ["*", "proxy.local", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.1:80", "10.0.0.1 10.0.0.2"])
def test_a_wrong_proxy_says_what_is_right(text: str):
    with pytest.raises(ValueError, match=r"such as 10\.0\.0\.0/8"):
        parse_proxies(text)
