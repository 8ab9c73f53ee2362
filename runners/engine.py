"""The loop: admit, prefill, decode one code for every live slot, retire, speak what is ready, deliver.

One thread per process owns the model. Callers submit and cancel from any thread; nothing polls: the thread sleeps
while there is no work. It knows nothing of texts, voices by name, or HTTP.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from runners.errors import EngineFailure, Overloaded, SpeechError
from runners.gpt import GPT
from runners.sampling import NOT_FINITE, Sampler
from runners.scheduler import QueueFull, Scheduler
from runners.sequence import Request, Sequence
from runners.types import Audio, Failed, Load, PieceDone, StopReason
from runners.vocoder import Vocoder
from runners.windows import Window, WindowPlan

WINDOW_FRAMES = 128  # delivered by each window: 1.4 s of audio, with a fifth on top for context
NOT_A_NUMBER = "The model produced values that are not numbers for this text and voice."
STEP_FAILED = "The engine failed while it worked on this request. Try again."
STOPPING = "The server is shutting down."
LOST = "The engine was lost and is being started anew. Try again."
LONGEST_STEP = 30.0  # seconds to wait for at the end
PLACEHOLDER_CODE = 1  # upstream's placeholder for prefix positions, which its repetition penalty counts

log = logging.getLogger(__name__)


class Engine:
    def __init__(
        self, gpt: GPT, vocoder: Vocoder, max_waiting: int, on_death: Callable[[], None] = lambda: None
    ) -> None:
        """`on_death` is called when the thread ends without having been asked to: the device is lost."""
        self._on_death = on_death
        self._gpt = gpt
        self._vocoder = vocoder
        self._plan = WindowPlan(WINDOW_FRAMES + 2 * vocoder.context, vocoder.context)
        self._sampler = Sampler(gpt.slots, gpt.codes, (PLACEHOLDER_CODE, gpt.start_code), gpt.device)
        self._latents = gpt.latents_buffer()  # (slots, max_codes, dim), filled step by step
        self._scheduler: Scheduler[Sequence] = Scheduler(gpt.slots, max_waiting)
        self._speaking: list[Sequence] = []  # decoding, or decoded and not all spoken
        self._requests: dict[Sequence, Request] = {}  # of every sequence not yet done
        self._cancelled: list[Request] = []
        self._steps = 0
        self._stopping = False
        self._farewell = STOPPING  # what requests are told once the engine takes no more
        self._work = threading.Condition()  # guards what submit, cancel and load share with the thread
        self._thread = threading.Thread(target=self._run, name="xtts-engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Fail what is in flight and end the thread."""
        with self._work:
            self._stopping = True
            self._work.notify()
        self._thread.join(LONGEST_STEP)

    def submit(self, request: Request) -> None:
        """Queue all of the request's sequences at once. Its events start at a next step.

        Raises:
            Overloaded: the line is full; nothing was queued.
            EngineFailure: the engine is stopping, or has died.
        """
        with self._work:
            if self._stopping:
                raise EngineFailure(self._farewell)
            try:
                self._scheduler.submit(request.sequences)
            except QueueFull:
                raise self._overloaded() from None
            self._requests.update(dict.fromkeys(request.sequences, request))
            self._work.notify()

    def check_room(self) -> None:
        """Raises Overloaded when `submit` would refuse even one sequence: ask before work is put into any."""
        with self._work:
            if self._scheduler.full:
                raise self._overloaded()

    def cancel(self, request: Request) -> None:
        """Nobody wants the request any more: its slots are free at the next step. Harmless when it is over."""
        with self._work:
            self._cancelled.append(request)
            self._work.notify()

    @property
    def load(self) -> Load:
        with self._work:
            scheduler = self._scheduler
            return Load(scheduler.slots, len(scheduler.live), scheduler.waiting, self._steps)

    def _overloaded(self) -> Overloaded:
        waiting = self._scheduler.waiting
        message = f"{waiting} texts are waiting already. Try again shortly."
        return Overloaded(message, retry_after=max(1.0, waiting / self._gpt.slots))

    # The engine's thread, from here on.

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        except Exception:  # not even the slots could be cleared: the device is gone, and this engine with it
            log.exception("The engine cannot go on")
            self._farewell = LOST
            self._on_death()
        finally:
            self._end()

    def _turn(self) -> bool:
        """Wait for work and take one step. False once the engine is to stop."""
        with self._work:
            self._work.wait_for(lambda: self._stopping or self._cancelled or self._requests)
            if self._stopping:
                return False
            self._drop(self._cancelled)
            self._cancelled = []
            admitted = self._admit()
        try:
            self._step(admitted)
        except Exception:  # whatever broke the step (out of memory, a driver's fault), the engine goes on
            log.exception("A step failed; the requests in flight fail with it")
            self._fail(self._in_flight(), EngineFailure(STEP_FAILED))
            if self._gpt.device.type == "cuda":
                torch.cuda.empty_cache()
        return True

    def _end(self) -> None:
        """Nobody is left waiting for an engine that is no more. The device is not touched."""
        with self._work:
            self._stopping = True
            left = list(dict.fromkeys(self._requests.values()))
            self._requests.clear()
        for request in left:
            request.deliver(Failed(EngineFailure(self._farewell)))

    def _admit(self) -> list[Sequence]:
        admitted = self._scheduler.admit()
        for sequence, slot in admitted:
            sequence.slot = slot
        return [sequence for sequence, _ in admitted]

    def _step(self, admitted: list[Sequence]) -> None:
        if admitted:
            self._speaking += admitted
            self._prefill(admitted)
        if live := sorted(self._scheduler.live, key=lambda sequence: sequence.slot):
            self._decode(live)
        self._speak()
        self._steps += 1

    def _prefill(self, admitted: list[Sequence]) -> None:
        for sequence in admitted:
            self._sampler.seat(sequence.slot, sequence.sampling)
        hidden = self._gpt.prefill(
            [sequence.slot for sequence in admitted],
            [sequence.tokens for sequence in admitted],
            [sequence.latents.gpt_cond_latent for sequence in admitted],
        )
        self._advance(admitted, hidden)

    def _decode(self, live: list[Sequence]) -> None:
        codes = torch.tensor([sequence.codes[-1] for sequence in live], device=self._gpt.device)
        self._advance(live, self._gpt.decode([sequence.slot for sequence in live], codes))

    def _advance(self, sequences: list[Sequence], hidden: Tensor) -> None:
        """Draw each sequence's next code, keep its latent, and retire those that are done."""
        slots = torch.tensor([sequence.slot for sequence in sequences], device=hidden.device)
        counts = torch.tensor([len(sequence.codes) for sequence in sequences], device=hidden.device)
        self._latents[slots, counts] = hidden
        codes: list[int] = self._sampler.draw(self._gpt.logits(hidden), slots).tolist()
        for sequence, code in zip(sequences, codes, strict=True):
            if code == NOT_FINITE:
                self._gpt.wipe(sequence.slot)
            if sequence not in self._requests:  # a sibling has just failed, and the request with it
                continue
            if code == NOT_FINITE:
                self._fail([self._requests[sequence]], EngineFailure(NOT_A_NUMBER, utterance=sequence.utterance))
                continue
            sequence.codes.append(code)
            if code == self._gpt.stop_code:
                self._retire(sequence, StopReason.STOP_CODE)
            elif len(sequence.codes) == self._gpt.max_codes:
                self._retire(sequence, StopReason.LIMIT)

    def _retire(self, sequence: Sequence, reason: StopReason) -> None:
        sequence.stop_reason = reason
        sequence.spoken = self._latents[sequence.slot, : len(sequence.codes)].clone()
        with self._work:
            self._scheduler.retire(sequence)
        self._gpt.vacate(sequence.slot)

    def _speak(self) -> None:
        """One window of every sequence that has one ready, those of equal length together."""
        ready: dict[int, list[tuple[Sequence, Window]]] = defaultdict(list)
        for sequence in self._speaking:
            finished = sequence.stop_reason is not None
            if window := self._plan.next(sequence.delivered, sequence.frames, finished=finished):
                ready[window.stop - window.start].append((sequence, window))
        for windows in ready.values():
            for at in range(0, len(windows), self._vocoder.at_once):
                self._speak_batch(windows[at : at + self._vocoder.at_once])
        self._speaking = [sequence for sequence in self._speaking if sequence in self._requests]

    def _speak_batch(self, batch: list[tuple[Sequence, Window]]) -> None:
        frames = torch.stack([self._frames(sequence, window) for sequence, window in batch])
        speakers = torch.cat([sequence.latents.speaker_embedding for sequence, _ in batch])
        samples = self._vocoder.speak(frames, speakers).cpu().numpy()
        hop = self._vocoder.hop
        for (sequence, window), row in zip(batch, samples, strict=True):
            sequence.delivered = window.last
            part = row[(window.first - window.start) * hop : (window.last - window.start) * hop].copy()
            deliver = self._requests[sequence].deliver
            deliver(Audio(sequence.utterance, sequence.piece, part))
            if sequence.stop_reason is not None and window.last == sequence.frames:
                deliver(PieceDone(sequence.utterance, sequence.piece, len(sequence.codes), sequence.stop_reason))
                self._forget([sequence])

    def _frames(self, sequence: Sequence, window: Window) -> Tensor:
        latents = self._latents[sequence.slot] if sequence.spoken is None else sequence.spoken
        return sequence.stretch.window(latents, window.start, window.stop, len(sequence.codes))

    def _in_flight(self) -> list[Request]:
        return [self._requests[sequence] for sequence in self._speaking if sequence in self._requests]

    def _fail(self, requests: Iterable[Request], error: SpeechError) -> None:
        failed = list(dict.fromkeys(requests))
        with self._work:
            self._drop(failed)
        for request in failed:
            request.deliver(Failed(error))

    def _drop(self, requests: Iterable[Request]) -> None:
        """Forget requests that are over, wherever their sequences are. The caller holds the lock."""
        for request in requests:
            for slot in self._scheduler.cancel(request.sequences):
                self._gpt.vacate(slot)
            self._forget(request.sequences)
        self._speaking = [sequence for sequence in self._speaking if sequence in self._requests]

    def _forget(self, sequences: Iterable[Sequence]) -> None:
        for sequence in sequences:
            self._requests.pop(sequence, None)
