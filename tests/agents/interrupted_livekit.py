"""Interrupts the voice of examples/livekit_live.py in the middle of a long text, then says a short one.

Prints the seconds of both.
"""

import asyncio
import json
import sys

from livekit import rtc
from livekit.agents.voice import Agent, AgentSession
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities
from livekit_live import RATE, STORY, XTTSLive


class Ear(AudioOutput):
    """Plays by the clock: nothing is over before it is flushed or cleared."""

    def __init__(self) -> None:
        super().__init__(label="ear", capabilities=AudioOutputCapabilities(pause=False), sample_rate=RATE)
        self.began = asyncio.Event()
        self.seconds = [0.0]

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self.began.set()
        self.seconds[-1] += frame.duration

    def flush(self) -> None:
        super().flush()
        asyncio.get_running_loop().call_later(1.0, self._finish, False)

    def clear_buffer(self) -> None:
        self._finish(True)

    def _finish(self, interrupted: bool) -> None:
        if self.seconds[-1]:
            self.on_playback_finished(playback_position=self.seconds[-1], interrupted=interrupted)
            self.seconds.append(0.0)


async def main(server: str) -> None:
    ear = Ear()
    session = AgentSession(tts=XTTSLive(server, language="en"))
    session.output.audio = ear
    await session.start(Agent(instructions="You tell stories."))
    speech = session.say(f"{STORY} " * 10)
    await ear.began.wait()
    speech.interrupt()
    await speech
    await session.say("How do you do?")
    await session.aclose()
    print(json.dumps([seconds for seconds in ear.seconds if seconds]))


asyncio.run(main(sys.argv[1]))
