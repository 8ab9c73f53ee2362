"""The WebSockets: our own, and ElevenLabs' `stream-input`."""

from typing import Final

from fastapi import APIRouter
from starlette.websockets import WebSocket

from api.config import ServerConfig
from api.error_responses import answer
from api.errors import Unauthorized
from api.live.elevenlabs import ElevenLabs, read_format
from api.live.messages import Start, parse
from api.live.session import Dialect, OurDialect, Rules, Session, from_elsewhere
from runners.errors import InvalidInput

ELSEWHERE: Final = "Pages of other sites may not connect; XTTS_CORS_ORIGINS names those that may."

router = APIRouter()


@router.websocket("/generate/live")
async def live(socket: WebSocket) -> None:
    await _serve(socket, OurDialect(), Start(type="start"))


@router.websocket("/v1/text-to-speech/{voice}/stream-input")
async def stream_input(socket: WebSocket, voice: str) -> None:
    query = socket.query_params
    asked = {"type": "start", "voice": voice, "language": query.get("language_code", "auto")}
    try:
        start = parse(asked | read_format(query.get("output_format", "mp3_44100_128")))
        assert isinstance(start, Start)
    except InvalidInput as error:
        return await socket.send_denial_response(answer(error))
    await _serve(socket, ElevenLabs(start), start)


async def _serve(socket: WebSocket, dialect: Dialect, start: Start) -> None:
    state = socket.app.state
    config: ServerConfig = state.config
    if from_elsewhere(socket, config.cors_origins):
        return await socket.send_denial_response(answer(Unauthorized(ELSEWHERE)))
    await socket.accept()
    rules = Rules(config.api_keys, config.max_text, state.ending)
    await Session(socket, state.synthesis, dialect, rules, start).run()
