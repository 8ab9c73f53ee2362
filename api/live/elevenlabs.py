"""ElevenLabs' `stream-input` messages as ours, and our answers as theirs. Their alignment by letters we do not have."""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from api.live.messages import Close, Flush, Message, Start, parse
from runners.errors import InvalidInput

CODECS: Final = {"pcm": "pcm", "mp3": "mp3", "opus": "opus", "ulaw": "mulaw", "alaw": "alaw"}  # ours, by theirs


def read_format(theirs: str) -> dict[str, Any]:
    """Ours, with its rate, of `mp3_44100_128`; the bit rate is passed over. Raises InvalidInput."""
    codec, _, rest = theirs.partition("_")
    rate = rest.partition("_")[0]
    if codec not in CODECS or not (rate.isdecimal() and len(rate) < 9):
        told = f"output_format: {theirs!r} is not had here; pcm, mp3, opus, ulaw and alaw are, as in pcm_24000."
        raise InvalidInput(told, param="output_format")
    return {"output_format": CODECS[codec], "sample_rate": int(rate)}


class ElevenLabs:
    """An empty text ends it all, as theirs does. What their models are tuned by is passed over."""

    def __init__(self, start: Start) -> None:
        self._start = start

    def read(self, content: Mapping[str, Any]) -> Iterable[Message]:
        settings = content.get("voice_settings")
        if isinstance(settings, dict) and settings.get("speed") is not None:
            asked = self._start.model_dump(exclude_unset=True) | {"type": "start", "speed": settings["speed"]}
            yield parse(asked)
        text = content.get("text")
        if not isinstance(text, str):
            raise InvalidInput("text: a string is needed", param="text")
        if not text:
            yield Close(type="close")
            return
        yield parse({"type": "text", "text": text})
        if content.get("flush") is True:
            yield Flush(type="flush")

    def key(self, content: Mapping[str, Any]) -> str | None:
        key = content.get("xi_api_key") or content.get("xi-api-key") or content.get("authorization")
        return key.removeprefix("Bearer ") if isinstance(key, str) else None

    def audio(self, data: bytes) -> str:
        audio = base64.b64encode(data).decode()
        return json.dumps({"audio": audio, "isFinal": False, "normalizedAlignment": None, "alignment": None})

    def event(self, event: Mapping[str, Any]) -> str | None:
        match event:
            case {"type": "utterance_ended"}:
                return json.dumps({"audio": None, "isFinal": True})
            case {"type": "error", "error": {"type": kind, "message": message}}:
                return json.dumps({"message": message, "error": kind, "code": 1008})
        return None
