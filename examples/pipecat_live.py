"""A pipecat service that speaks over WS /generate/live: each of a language model's words goes out as it comes.

    pip install pipecat-ai==1.14.0
    python examples/pipecat_live.py --server ws://localhost:3000 --output story.wav

`XTTSLive` is for any pipeline. The one below says a story as a language model would write it, and keeps the audio.
"""

import argparse
import asyncio
import json
import wave
from collections import deque
from collections.abc import AsyncGenerator

from pipecat.frames.frames import (
    EndWorkerFrame,
    ErrorFrame,
    Frame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor, FrameProcessorSetup
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TextAggregationMode, WebsocketTTSService
from pipecat.workers.runner import WorkerRunner
from websockets.protocol import State

RATE = 24_000
STORY = "Once upon a time, there was a king. He had three sons. Each of them was wiser than the one before."


class XTTSLive(WebsocketTTSService):
    """One connection; pipecat's contexts are the server's utterances, in the same order."""

    def __init__(self, server: str, *, key: str = "", voice: str = "default", language: str | None = None) -> None:
        super().__init__(
            sample_rate=RATE,
            text_aggregation_mode=TextAggregationMode.TOKEN,  # the server cuts the text itself
            push_start_frame=True,
            settings=TTSSettings(model=None, voice=voice, language=language),
        )
        self._url = f"{server}/generate/live"
        self._how = {"voice": voice, "language": language, "sample_rate": RATE}
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._contexts: deque[str] = deque()  # whose audio is to come
        self._cancelled = 0  # answers to `cancel` that are to come: audio before them is nobody's
        self._receiving: asyncio.Task[None] | None = None

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        try:
            await self._connect()
            if context_id not in self._contexts:
                self._contexts.append(context_id)
            await self._tell("text", text=text)
            yield None
        except Exception as error:
            yield ErrorFrame(error=f"The server cannot be reached: {error}")

    async def flush_audio(self, context_id: str | None = None) -> None:
        """The end of a turn."""
        await self._tell("flush")

    async def on_audio_context_interrupted(self, context_id: str) -> None:
        """Barge-in."""
        await super().on_audio_context_interrupted(context_id)
        if self._contexts:
            self._contexts.clear()
            self._cancelled += 1
            await self._tell("cancel")

    async def setup(self, setup: FrameProcessorSetup) -> None:
        await super().setup(setup)
        await self._connect()

    async def _tell(self, kind: str, **fields: object) -> None:
        if self._websocket:
            await self._websocket.send(json.dumps({"type": kind, **fields}))

    async def _receive_messages(self) -> None:
        assert self._websocket is not None
        async for message in self._websocket:
            if isinstance(message, bytes):
                if self._contexts and not self._cancelled:
                    frame = TTSAudioRawFrame(message, RATE, 1, context_id=self._contexts[0])
                    await self.append_to_audio_context(self._contexts[0], frame)
            else:
                await self._heed(json.loads(message))

    async def _heed(self, event: dict) -> None:
        if event["type"] == "cancelled":
            self._cancelled -= 1
        elif self._cancelled:
            return
        elif event["type"] == "error":
            await self.push_error(error_msg=event["error"]["message"])
        if event["type"] in ("utterance_ended", "error") and self._contexts:
            context_id = self._contexts.popleft()
            await self.append_to_audio_context(context_id, TTSStoppedFrame(context_id=context_id))
            await self.remove_audio_context(context_id)

    async def _connect(self) -> None:
        if self._websocket and self._websocket.state is State.OPEN:
            return
        await super()._connect()
        await self._connect_websocket()
        if self._receiving is None or self._receiving.done():
            self._receiving = self.create_task(self._receive_task_handler(self._report_error))

    async def _connect_websocket(self) -> None:
        self._contexts.clear()
        self._cancelled = 0
        self._websocket = await self._websocket_connect(self._url, additional_headers=self._headers)
        await self._tell("start", **self._how)

    async def _disconnect(self) -> None:
        await super()._disconnect()
        if self._receiving:
            await self.cancel_task(self._receiving)
            self._receiving = None
        await self._disconnect_websocket()

    async def _disconnect_websocket(self) -> None:
        if self._websocket:
            await self._websocket.close()
            self._websocket = None


class WavFile(FrameProcessor):
    """Stands where a transport's output would."""

    def __init__(self, file: wave.Wave_write) -> None:
        super().__init__()
        self._file = file

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            self._file.writeframes(frame.audio)
        elif isinstance(frame, TTSStoppedFrame):
            await self.push_frame(EndWorkerFrame(), FrameDirection.UPSTREAM)
        await self.push_frame(frame, direction)


async def main(server: str, output: str, key: str) -> None:
    with wave.open(output, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        worker = PipelineWorker(Pipeline([XTTSLive(server, key=key, language="en"), WavFile(file)]))
        words = [LLMTextFrame(text=f"{word} ") for word in STORY.split(" ")]
        await worker.queue_frames([LLMFullResponseStartFrame(), *words, LLMFullResponseEndFrame()])
        runner = WorkerRunner()
        await runner.add_workers(worker)
        await runner.run()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--server", default="ws://localhost:3000")
    arguments.add_argument("--output", default="story.wav")
    arguments.add_argument("--key", default="")
    asyncio.run(main(**vars(arguments.parse_args())))
