"""A LiveKit agent whose voice comes over WS /generate/live: each of a language model's words goes out as it comes.

    pip install livekit-agents==1.8.9
    python examples/livekit_live.py --server ws://localhost:3000 --output story.wav

`XTTSLive` is for any `AgentSession`. The one below has no room: it says a story as a language model would write it, and
keeps the audio.
"""

import argparse
import asyncio
import json
import wave
from collections.abc import AsyncIterator

from livekit import rtc
from livekit.agents import APIConnectionError, APIConnectOptions, APIError, utils
from livekit.agents import tts as speech
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS
from livekit.agents.voice import Agent, AgentSession
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

RATE = 24_000
STORY = "Once upon a time, there was a king. He had three sons. Each of them was wiser than the one before."


class XTTSLive(speech.TTS):
    def __init__(self, server: str, *, key: str = "", voice: str = "default", language: str | None = None) -> None:
        super().__init__(capabilities=speech.TTSCapabilities(streaming=True), sample_rate=RATE, num_channels=1)
        self.how = {"type": "start", "voice": voice, "language": language, "sample_rate": RATE}
        self._url = f"{server}/generate/live"
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def connect(self) -> connect:
        return connect(self._url, additional_headers=self._headers)

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> speech.ChunkedStream:
        return self._synthesize_with_stream(text, conn_options=conn_options)

    def stream(self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> speech.SynthesizeStream:
        return Stream(tts=self, conn_options=conn_options)


class Stream(speech.SynthesizeStream):
    """One utterance, one connection. An interrupted one is closed: the server gives up the rest."""

    _tts: XTTSLive

    async def _run(self, output_emitter: speech.AudioEmitter) -> None:
        name = utils.shortuuid()
        output_emitter.initialize(request_id=name, sample_rate=RATE, num_channels=1, mime_type="audio/pcm", stream=True)
        output_emitter.start_segment(segment_id=name)
        try:
            async with self._tts.connect() as socket:
                sending = asyncio.create_task(self._send(socket))
                try:
                    async for message in socket:
                        if isinstance(message, bytes):
                            output_emitter.push(message)
                        elif (event := json.loads(message))["type"] == "error":
                            raise APIError(event["error"]["message"], retryable=False)
                finally:
                    await utils.aio.cancel_and_wait(sending)
        except (OSError, WebSocketException) as error:
            raise APIConnectionError from error
        output_emitter.end_segment()

    async def _send(self, socket: ClientConnection) -> None:
        await socket.send(json.dumps(self._tts.how))
        async for text in self._input_ch:
            if isinstance(text, str):
                self._mark_started()
                await socket.send(json.dumps({"type": "text", "text": text}))
        await socket.send(json.dumps({"type": "close"}))


class WavFile(AudioOutput):
    """Stands where a room's output would: whatever it gets is played at once."""

    def __init__(self, file: wave.Wave_write) -> None:
        super().__init__(label="file", capabilities=AudioOutputCapabilities(pause=False), sample_rate=RATE)
        self._file = file
        self._seconds = 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self._file.writeframes(frame.data)
        self._seconds += frame.duration

    def flush(self) -> None:
        super().flush()
        self._finish(interrupted=False)

    def clear_buffer(self) -> None:
        self._finish(interrupted=True)

    def _finish(self, *, interrupted: bool) -> None:
        if self._seconds:
            self.on_playback_finished(playback_position=self._seconds, interrupted=interrupted)
        self._seconds = 0.0


async def words() -> AsyncIterator[str]:
    for word in STORY.split(" "):
        yield f"{word} "
        await asyncio.sleep(0.05)


async def main(server: str, output: str, key: str) -> None:
    session = AgentSession(tts=XTTSLive(server, key=key, language="en"))
    with wave.open(output, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        session.output.audio = WavFile(file)
        await session.start(Agent(instructions="You tell stories."))
        await session.say(words())
        await session.aclose()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--server", default="ws://localhost:3000")
    arguments.add_argument("--output", default="story.wav")
    arguments.add_argument("--key", default="")
    asyncio.run(main(**vars(arguments.parse_args())))
