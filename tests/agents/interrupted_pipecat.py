"""Interrupts the service of examples/pipecat_live.py in the middle of a long text, then says a short one.

Prints the seconds of both.
"""

import asyncio
import json
import sys
from collections import Counter

from pipecat.frames.frames import (
    EndWorkerFrame,
    Frame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner
from pipecat_live import RATE, STORY, XTTSLive


class Ear(FrameProcessor):
    def __init__(self) -> None:
        super().__init__()
        self.began = asyncio.Event()
        self.seconds: Counter[str] = Counter()  # by context

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            self.began.set()
            self.seconds[frame.context_id] += len(frame.audio) / 2 / RATE
        elif isinstance(frame, TTSStoppedFrame):
            await self.push_frame(EndWorkerFrame(), FrameDirection.UPSTREAM)
        await self.push_frame(frame, direction)


async def main(server: str) -> None:
    ear = Ear()
    worker = PipelineWorker(Pipeline([XTTSLive(server, language="en"), ear]))
    runner = WorkerRunner()
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await worker.queue_frames([LLMFullResponseStartFrame(), *[LLMTextFrame(text=f"{STORY} ")] * 10])
    await ear.began.wait()
    await worker.queue_frame(InterruptionFrame())
    said = [LLMTextFrame(text="How do "), LLMTextFrame(text="you do?")]
    await worker.queue_frames([LLMFullResponseStartFrame(), *said, LLMFullResponseEndFrame()])
    await running
    print(json.dumps(list(ear.seconds.values())))


asyncio.run(main(sys.argv[1]))
