"""Tells an address that a job is over, signed as https://www.standardwebhooks.com says."""

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Collection, Mapping
from typing import Any, Final

import httpx

from runners.errors import InvalidInput

ORIGIN: Final = re.compile(r"https?://[^\s/?#*,@]+", re.IGNORECASE)
TIMEOUT: Final = 15.0  # seconds
SECRET: Final = "base64 of 24 to 64 bytes, such as `openssl rand -base64 32` makes, with or without whsec_ before it"


def parse_secret(text: str) -> bytes:
    """Raises ValueError, which says what would be right."""
    try:
        secret = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError(SECRET) from None
    if not 24 <= len(secret) <= 64:
        raise ValueError(SECRET)
    return secret


def parse_callable(text: str) -> tuple[str, ...]:
    """Origins separated by commas. Raises ValueError, which says what would be right."""
    origins = tuple(origin.strip() for origin in text.split(",") if origin.strip())
    try:
        if all(map(ORIGIN.fullmatch, origins)):
            return tuple(origin_of(httpx.URL(origin)) for origin in origins)
    except httpx.InvalidURL:
        pass
    raise ValueError("origins separated by commas, such as https://hooks.example.com, without a path or slash")


def origin_of(url: httpx.URL) -> str:
    """Lower case, without a scheme's usual port, accents in ASCII's form."""
    return f"{url.scheme}://{url.netloc.decode()}"


class Webhooks:
    """To addresses of `origins` alone: nobody can have the server call what is inside of its network."""

    def __init__(self, origins: Collection[str], secret: bytes) -> None:
        self._origins = origins
        self._secret = secret

    def check(self, url: str) -> None:
        """Raises InvalidInput."""
        if not self._origins:
            raise InvalidInput("this server calls no webhooks: XTTS_WEBHOOKS names no origins", param="webhook")
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL:
            raise InvalidInput("this is not a valid URL", param="webhook") from None
        if origin_of(parsed) not in self._origins or parsed.userinfo:
            message = f"its origin must be one that the server may call: {', '.join(sorted(self._origins))}"
            raise InvalidInput(message, param="webhook")

    async def call(self, url: str, id: str, content: Mapping[str, Any]) -> None:
        """POST it. Redirects are not followed. Raises httpx.HTTPError for any answer but 2xx."""
        body = json.dumps(content).encode()
        async with httpx.AsyncClient(timeout=TIMEOUT) as client:
            answer = await client.post(url, content=body, headers=self._headers(id, round(time.time()), body))
        if not answer.is_success:
            raise httpx.HTTPStatusError(f"it answered {answer.status_code}", request=answer.request, response=answer)

    def _headers(self, id: str, now: int, body: bytes) -> dict[str, str]:
        signature = hmac.digest(self._secret, f"{id}.{now}.".encode() + body, hashlib.sha256)
        return {
            "content-type": "application/json",
            "webhook-id": id,
            "webhook-timestamp": str(now),
            "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
        }
