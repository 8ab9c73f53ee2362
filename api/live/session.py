"""One WebSocket: messages in, audio frames and events out, until either side ends it. Knows no message's shape but by
its dialect: ours below, ElevenLabs' in api/live/elevenlabs.py.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from starlette.types import Message as Received
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from api.auth.account import account
from api.auth.keys import ApiKey, recognise
from api.auth.security import NO_KEY, WRONG_KEY
from api.error_responses import error_of
from api.errors import Unauthorized, error_type, status_of
from api.live.messages import Cancel, Close, Flush, Message, Start, Text, parse, parse_object
from api.live.speaker import Speaker
from api.observe.record import record
from api.synthesis import Synthesis
from runners.errors import InvalidInput, SpeechError

IDLE: Final = 60.0  # seconds in which neither side has sent anything
STRANGER: Final = 20.0  # seconds for the first message, where it has to bring a key
PATIENCE: Final = 300.0  # seconds in which a client takes nothing of what is sent
DRAIN: Final = 30.0  # seconds to say what was sent, once the server is to end
NORMAL, REFUSED, FAILED, RESTART = 1000, 1008, 1011, 1012  # RFC 6455's codes, and IANA's "service restart"

LOST: Final = (WebSocketDisconnect, WebSocketDisconnected)  # the other side, or this one, is closed already

log = logging.getLogger(__name__)


class Dialect(Protocol):
    """How one kind of client writes. A plan's text may come to several messages."""

    def read(self, content: Mapping[str, Any]) -> Iterable[Message]:
        """Raises InvalidInput."""

    def key(self, content: Mapping[str, Any]) -> str | None:
        """The key that a first message holds."""

    def audio(self, data: bytes) -> str | bytes: ...

    def event(self, event: Mapping[str, Any]) -> str | None:
        """None: its clients know nothing of the kind."""


class OurDialect:
    def read(self, content: Mapping[str, Any]) -> Iterable[Message]:
        return (parse(content),)

    def key(self, content: Mapping[str, Any]) -> str | None:
        key = content.get("key")
        return key if isinstance(key, str) else None

    def audio(self, data: bytes) -> bytes:
        return data

    def event(self, event: Mapping[str, Any]) -> str:
        return json.dumps(event, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the server says."""

    keys: tuple[ApiKey, ...]
    most_waiting: int  # characters that were sent and are not said yet
    ending: asyncio.Event  # set when the server is to end


class Session:
    def __init__(self, socket: WebSocket, synthesis: Synthesis, dialect: Dialect, rules: Rules, start: Start) -> None:
        self._socket = socket
        self._dialect = dialect
        self._rules = rules
        self._known = not rules.keys or socket.user.is_authenticated
        self._start = start
        self._synthesis = synthesis
        self._closing = False  # no more text is taken
        self._code = NORMAL
        self._latest = 0.0  # when either side sent something, by the loop's clock

    async def run(self) -> None:
        """The socket was accepted. It is closed in the end."""
        try:
            if self._known:
                await account.get().take("requests", 1)
            speaker = Speaker(self._synthesis, self._start, self._send_audio, self._send_event)
            try:
                await self._converse(speaker)
            finally:
                await speaker.stop()
        except SpeechError as error:
            record().error = error.type
            self._code = REFUSED if status_of(error) < 500 else FAILED
            await self._quietly(self._send_event({"type": "error", **error_of(error)}))
        except TimeoutError:
            self._code = RESTART if self._rules.ending.is_set() else REFUSED  # by DRAIN or by PATIENCE
        except LOST:
            return
        except Exception:
            log.exception("A live connection failed with an unexpected error")
            record().error, self._code = error_type(500), FAILED
        await self._quietly(self._socket.close(self._code))

    async def _converse(self, speaker: Speaker) -> None:
        """Until all is said after a `close`, or the server's end; or after neither side has sent anything for long."""
        self._mark()
        receiving = asyncio.ensure_future(self._socket.receive())
        ending = asyncio.ensure_future(self._rules.ending.wait())
        try:
            async with asyncio.timeout(None) as deadline:
                draining = idle = False
                while True:
                    events = {receiving, speaker.task, *(() if draining else (ending,))}
                    patience = IDLE if self._known else STRANGER
                    left = self._left(patience)
                    timeout = left if left > 0 else patience
                    done, _ = await asyncio.wait(events, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                    if speaker.task in done:
                        speaker.task.result()
                        return await self._send_event({"type": "idle", "seconds": patience}) if idle else None
                    if receiving in done:
                        self._mark()
                        await self._take(receiving.result(), speaker)
                        receiving = asyncio.ensure_future(self._socket.receive())
                    elif ending in done:
                        draining = True
                        deadline.reschedule(asyncio.get_running_loop().time() + DRAIN)
                        if not self._closing:
                            self._code = RESTART
                            self._close(speaker)
                    elif not (speaker.busy or self._closing) and self._left(patience) <= 0:
                        idle = True
                        self._close(speaker)
        finally:
            receiving.cancel()
            ending.cancel()

    async def _take(self, received: Received, speaker: Speaker) -> None:
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", NORMAL))
        if received.get("text") is None:
            raise InvalidInput("A message is text, of JSON.")
        content = parse_object(received["text"])
        if not self._known:
            await self._meet(self._dialect.key(content))
        for message in self._dialect.read(content):
            if not self._closing or isinstance(message, Cancel):
                await self._obey(message, speaker)

    async def _obey(self, message: Message, speaker: Speaker) -> None:
        match message:
            case Start():
                speaker.start = message
            case Text():
                if speaker.waiting + len(message.text) > self._rules.most_waiting:
                    told = f"More than {self._rules.most_waiting} characters wait to be said."
                    raise InvalidInput(told, param="text")
                speaker.feed(message.text)
            case Flush():
                speaker.flush()
            case Cancel():
                await self._send_event({"type": "cancelled", **await speaker.cancel(message.played)})
                if self._closing:
                    speaker.finish()
            case Close():
                self._close(speaker)

    def _mark(self) -> None:
        self._latest = asyncio.get_running_loop().time()

    def _left(self, patience: float) -> float:
        """Seconds until neither side has sent anything for so long."""
        return self._latest + patience - asyncio.get_running_loop().time()

    def _close(self, speaker: Speaker) -> None:
        self._closing = True
        speaker.finish()

    async def _meet(self, presented: str | None) -> None:
        if not presented:
            raise Unauthorized(NO_KEY)
        key = recognise(self._rules.keys, presented.encode("utf-8", "replace"))
        if key is None:
            raise Unauthorized(WRONG_KEY)
        self._known = True
        record().caller = key.name
        account.get().of(key.name)
        await account.get().take("requests", 1)

    async def _send_audio(self, data: bytes) -> None:
        framed = self._dialect.audio(data)
        async with asyncio.timeout(PATIENCE):
            await (self._socket.send_bytes(framed) if isinstance(framed, bytes) else self._socket.send_text(framed))
        self._mark()

    async def _send_event(self, event: Mapping[str, Any]) -> None:
        if (written := self._dialect.event(event)) is not None:
            async with asyncio.timeout(PATIENCE):
                await self._socket.send_text(written)
            self._mark()

    async def _quietly(self, sending: Awaitable[None]) -> None:
        """The other side may be gone, or take nothing."""
        with suppress(TimeoutError, *LOST):
            async with asyncio.timeout(1):
                await sending


def from_elsewhere(socket: WebSocket, origins: tuple[str, ...]) -> bool:
    """Whether another site's page connects: to a WebSocket no browser applies CORS."""
    origin = socket.headers.get("origin")
    own = urlsplit(origin).netloc == socket.headers.get("host") if origin else True
    return not own and "*" not in origins and origin not in origins
