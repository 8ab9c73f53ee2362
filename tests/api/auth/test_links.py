"""Links that stand for a key: until they end, for what was signed, for as long as the key is there."""

import time
from urllib.parse import parse_qs

import pytest

from api.auth.keys import ApiKey, read_keys
from api.auth.links import LONGEST, holder, signed

KEYS = read_keys("sk-one,sk-two")
CALLER = KEYS[0].name
ASKED = {"text": "Jó napot & szép estét", "voice": "anna"}
SOON = int(time.time()) + 3600


def test_a_link_says_what_and_whose_it_is() -> None:
    query = signed(ASKED, KEYS, CALLER, SOON)
    assert {name: parse_qs(query)[name] for name in ASKED} == {name: [value] for name, value in ASKED.items()}
    assert holder(query, KEYS) == CALLER
    assert holder(query, read_keys("sk-two,sk-one")) == CALLER  # on another server


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("anna", "bela"),
        (CALLER, KEYS[1].name),
        (str(SOON), str(SOON + 1)),
        ("signature=", "signature=0"),
        ("&voice", "&x"),
    ],
    ids=["text", "name", "end", "signature", "field"],  # not the time: all workers collect the same tests
)
def test_what_was_changed_is_refused(old: str, new: str) -> None:
    query = signed(ASKED, KEYS, CALLER, SOON)
    assert old in query
    assert holder(query.replace(old, new), KEYS) is None


@pytest.mark.parametrize(
    "query", ["", "text=a", "text=a&signature=", "by=x&expires=9999999999&signature=é", "&signature=a"]
)
def test_what_is_no_link(query: str) -> None:
    assert holder(query, KEYS) is None


def test_an_end() -> None:
    assert holder(signed(ASKED, KEYS, CALLER, 1_000_000_000), KEYS) is None
    assert holder(signed(ASKED, KEYS, CALLER, SOON), KEYS[1:]) is None  # the key was taken away


def test_a_clock_that_was_wrong_makes_no_link_for_years(monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time() + 10 * 365 * 86_400
    query = signed(ASKED, KEYS, CALLER, int(later) + LONGEST)
    assert holder(query, KEYS) is None
    monkeypatch.setattr(time, "time", lambda: later)
    assert holder(query, KEYS) == CALLER


def test_without_keys_the_address_is_bare() -> None:
    assert signed({"text": "a"}, (), "127.0.0.1", SOON) == "text=a"
    assert signed({"text": "a"}, (ApiKey("x", b""),), "y", SOON) == "text=a"
