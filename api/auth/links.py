"""Links that stand for a key for a while: who opens one need not send it, as players and `<audio>` elements cannot.

Signed by the hash of the caller's own key, so all servers with that key agree, and the links end with it.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs, urlencode

from api.auth.keys import ApiKey

PURPOSE: Final = b"xtts playback link"
LONGEST: Final = 86_400  # seconds
AHEAD: Final = 60  # seconds that the clock of the server which made it may be
BY, UNTIL, SIGNATURE = "by", "expires", "signature"


def signed(query: Mapping[str, object], keys: Sequence[ApiKey], caller: str, until: int) -> str:
    """The query with its end in seconds since 1970, whose it is, and a signature. Bare where `caller` has no key."""
    key = next((key for key in keys if key.name == caller), None)
    if key is None:
        return urlencode(query)
    text = urlencode({**query, BY: caller, UNTIL: until})
    return f"{text}&{SIGNATURE}={_signature(key, text)}"


def holder(query: str, keys: Sequence[ApiKey]) -> str | None:
    """Whose link it is, if it still holds."""
    text, _, signature = query.rpartition(f"&{SIGNATURE}=")
    fields = parse_qs(text)
    by, until = (fields.get(name, [""])[-1] for name in (BY, UNTIL))
    if not (until.isascii() and until.isdecimal() and signature.isascii()):
        return None
    if not 0 <= int(until[:20]) - time.time() <= LONGEST + AHEAD:  # it has ended, or was made by a clock that is wrong
        return None
    named = [key for key in keys if key.name == by]
    return by if any(hmac.compare_digest(_signature(key, text), signature) for key in named) else None


def _signature(key: ApiKey, text: str) -> str:
    own = hmac.digest(key.digest, PURPOSE, hashlib.sha256)
    return hmac.new(own, text.encode(), hashlib.sha256).hexdigest()
