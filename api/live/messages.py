"""What a client sends over the WebSocket, checked. The events that it gets back are in api/live/session.py."""

import json
from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field, StrictBool, ValidationError, field_validator

from api.body import Body
from api.schemas import Settings, SimpleRequest, number
from api.wording import nearest, shown
from runners.errors import InvalidInput

OWN: Final = {"type", "key"}  # fields of a start that are no request's


class Start(Settings):
    """Comes first, if at all, and again wherever what follows is to be said in another way."""

    type: Literal["start"]
    key: str | None = Field(None, description="Where none came in a header.")
    output_format: Literal["pcm", "mp3", "opus", "mulaw", "alaw"] = "pcm"
    subtitles: None = None
    trim_silence: StrictBool = False

    def request(self, text: str) -> SimpleRequest:
        """For one piece of the text."""
        chosen = {name: getattr(self, name) for name in self.model_fields_set - OWN}
        return SimpleRequest(text=text, **{**chosen, "output_format": self.output_format})


class Text(Body):
    type: Literal["text"]
    # A limit, even of none, has pydantic refuse halves of surrogate pairs.
    text: str = Field(min_length=0, description="The next of it, cut anywhere.")


class Flush(Body):
    """The utterance is whole: the rest of its text is spoken, and its audio ends."""

    type: Literal["flush"]


class Cancel(Body):
    """Nothing more is to be said of all that was sent. `close` may have come before it."""

    type: Literal["cancel"]
    played: float | None = Field(None, ge=0, description="Seconds of the utterance that the listener has had.")

    _number = field_validator("played", mode="before")(number)


class Close(Body):
    """As `flush`, and the connection closes after it."""

    type: Literal["close"]


Message = Start | Text | Flush | Cancel | Close
_KINDS: Final[dict[str, type[Message]]] = {
    "start": Start,
    "text": Text,
    "flush": Flush,
    "cancel": Cancel,
    "close": Close,
}


def parse_object(text: str) -> dict[str, Any]:
    """Raises InvalidInput for what is no JSON object."""
    try:
        content = json.loads(text)
    except RecursionError:
        raise InvalidInput("The message is nested too deeply.") from None
    except ValueError as error:
        raise InvalidInput(f"The message is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise InvalidInput("A message is a JSON object.")
    return content


def parse(content: Mapping[str, Any]) -> Message:
    """Raises InvalidInput, which names the field."""
    if "type" not in content:
        raise InvalidInput(f'type: "type" is missing; right is one of {", ".join(_KINDS)}', param="type")
    kind = content["type"]
    if not (isinstance(kind, str) and kind in _KINDS):
        raise InvalidInput(f"type: {shown(kind)} is not right; {nearest(str(kind), _KINDS)}", param="type")
    try:
        return _KINDS[kind].model_validate(content)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"])) or None
        raise InvalidInput(f"{where or 'the message'}: {fault['msg']}", param=where) from None
