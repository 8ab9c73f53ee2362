"""The loop: admit, prefill, decode one code for every live slot, retire, speak what is ready, deliver.

One thread per process owns the model. Callers submit and cancel from any thread; nothing polls: the thread sleeps
while there is no work. It knows nothing of texts, voices by name, or HTTP.
"""

import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runners.errors import EngineFailure, Overloaded, SpeechError
from runners.listener import SILENCE, Listener
from runners.scheduler import QueueFull, Scheduler
from runners.sequence import Request, Sequence
from runners.types import Audio, Failed, Load, PieceDone, StopReason
from runners.xtts.decoder import Decoder
from runners.xtts.sampling import NOT_FINITE
from runners.xtts.vocoder import PendingAudio, Vocoder
from runners.xtts.windows import Window, WindowPlan

# Frames delivered by an utterance's first window (0.3 s of audio), the next ones, and all others (2.7 s). A tenth of
# the last ones' work is context; the first ones trade more of it for an early start.
WINDOW_FRAMES = (32, 64, 128, 256)
NOT_A_NUMBER = "The model produced values that are not numbers for this text and voice."
STEP_FAILED = "The engine failed while it worked on this request. Try again."
STOPPING = "The server is shutting down."
LOST = "The engine was lost and is being started anew. Try again."
LONGEST_STEP = 30.0  # seconds to wait for at the end

log = logging.getLogger(__name__)


class Engine:
    def __init__(
        self,
        decoder: Decoder,
        vocoder: Vocoder,
        max_waiting: int,
        on_death: Callable[[], None] = lambda: None,
        *,
        reserve: int = 0,
        listener: Listener = SILENCE,
    ) -> None:
        """`reserve`: slots that bulk requests leave vacant.

        `on_death` is called when the thread ends without having been asked to: the device is lost.
        """
        self._on_death = on_death
        self._listener = listener
        self._decoder = decoder
        self._vocoder = vocoder
        self._plan = _plan(vocoder)
        self._scheduler: Scheduler[Sequence] = Scheduler(decoder.slots, max_waiting, reserve)
        self._active: list[Sequence] = []  # decoding, or decoded and not all given to the vocoder
        self._pending: deque[tuple[list[tuple[Sequence, Window]], PendingAudio]] = deque()  # given to it, in that order
        self._requests: dict[Sequence, Request] = {}  # of every sequence not yet done
        self._cancelled: list[Request] = []
        self._steps = 0
        self._stopping = False
        self._stop_message = STOPPING  # what requests are told once the engine takes no more
        self._work = threading.Condition()  # guards what submit, cancel and load share with the thread
        self._thread = threading.Thread(target=self._run, name="xtts-engine", daemon=True)

    @staticmethod
    def window_lengths(vocoder: Vocoder) -> list[int]:
        """Frames of the windows that the vocoder will be given, shorter ends of utterances aside."""
        return _plan(vocoder).lengths

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
                raise EngineFailure(self._stop_message)
            if request.bulk:
                self._scheduler.submit_bulk(request.sequences)
            else:
                self._submit_interactive(request)
            now = time.monotonic()
            for sequence in request.sequences:
                sequence.queued = now
                self._requests[sequence] = request
            self._report_load()
            self._work.notify()

    def _submit_interactive(self, request: Request) -> None:
        try:
            self._scheduler.submit(request.sequences)
        except QueueFull:
            raise self._overloaded() from None

    def check_room(self) -> None:
        """Raises Overloaded when `submit` would refuse even one sequence: ask before work is put into any.

        Bulk requests always find room.
        """
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
            return Load(scheduler.slots, len(scheduler.live), scheduler.waiting, self._steps, scheduler.bulk_waiting)

    def _overloaded(self) -> Overloaded:
        waiting = self._scheduler.waiting
        message = f"{waiting} texts are waiting already. Try again shortly."
        return Overloaded(message, retry_after=max(1.0, waiting / self._decoder.slots))

    def _report_load(self) -> None:
        """The caller holds the lock."""
        scheduler = self._scheduler
        self._listener.load(scheduler.slots, len(scheduler.live), scheduler.live_bulk, scheduler.waiting)

    # The engine's thread, from here on.

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        except Exception:  # not even the slots could be cleared: the device is gone, and this engine with it
            log.exception("The engine cannot go on")
            self._stop_message = LOST
            self._on_death()
        finally:
            self._end()

    def _turn(self) -> bool:
        """Wait for work and take one step. False once the engine is to stop."""
        with self._work:
            self._report_load()
            self._work.wait_for(lambda: self._stopping or self._cancelled or self._requests)
            if self._stopping:
                return False
            self._drop(self._cancelled)
            self._cancelled = []
            admitted = self._admit()
            self._report_load()
        try:
            self._step(admitted)
        except Exception:  # whatever broke the step (out of memory, a driver's fault), the engine goes on
            log.exception("A step failed; the requests in flight fail with it")
            self._fail(self._in_flight(), EngineFailure(STEP_FAILED))
            self._pending.clear()
            if self._decoder.device.type == "cuda":
                torch.cuda.empty_cache()
        return True

    def _end(self) -> None:
        """Nobody is left waiting for an engine that is no more. The device is not touched."""
        with self._work:
            self._stopping = True
            left = list(dict.fromkeys(self._requests.values()))
            self._requests.clear()
        for request in left:
            request.deliver(Failed(EngineFailure(self._stop_message)))

    def _admit(self) -> list[Sequence]:
        admitted = self._scheduler.admit()
        for sequence, slot in admitted:
            sequence.slot = slot
        if admitted:
            now = time.monotonic()
            urgent = [sequence for sequence, _ in admitted if not self._requests[sequence].bulk]
            self._listener.admitted(len(admitted), [now - sequence.queued for sequence in urgent])
        return [sequence for sequence, _ in admitted]

    def _step(self, admitted: list[Sequence]) -> None:
        if admitted:
            self._active += admitted
            self._prefill(admitted)
        if live := sorted(self._scheduler.live, key=lambda sequence: sequence.slot):
            began = time.perf_counter()
            codes = self._decoder.step([sequence.slot for sequence in live])
            self._listener.stepped(len(live), time.perf_counter() - began)
            self._advance(live, codes)
        self._vocode()
        self._deliver()
        self._steps += 1

    def _prefill(self, admitted: list[Sequence]) -> None:
        codes = self._decoder.prefill(
            [sequence.slot for sequence in admitted],
            [sequence.tokens for sequence in admitted],
            [sequence.latents.gpt_cond_latent for sequence in admitted],
            [sequence.sampling for sequence in admitted],
        )
        self._advance(admitted, codes)

    def _advance(self, sequences: list[Sequence], codes: list[int]) -> None:
        """Note each sequence's new code, and retire those that are done."""
        for sequence, code in zip(sequences, codes, strict=True):
            if code == NOT_FINITE:
                self._decoder.wipe(sequence.slot)
            if sequence not in self._requests:  # a sibling has just failed, and the request with it
                continue
            if code == NOT_FINITE:
                self._fail([self._requests[sequence]], EngineFailure(NOT_A_NUMBER, utterance=sequence.utterance))
                continue
            sequence.codes.append(code)
            if code == self._decoder.stop_code:
                self._retire(sequence, StopReason.STOP_CODE)
            elif len(sequence.codes) == self._decoder.max_codes:
                self._retire(sequence, StopReason.LIMIT)

    def _retire(self, sequence: Sequence, reason: StopReason) -> None:
        sequence.stop_reason = reason
        sequence.decoded_latents = self._decoder.latents[sequence.slot, : len(sequence.codes)].clone()
        with self._work:
            self._scheduler.retire(sequence)
        self._decoder.vacate(sequence.slot)

    def _vocode(self) -> None:
        """Give the vocoder one window of every sequence that has one ready, those of equal length together."""
        ready: dict[int, list[tuple[Sequence, Window]]] = defaultdict(list)
        for sequence in self._active:
            finished = sequence.stop_reason is not None
            if window := self._plan.next(sequence.delivered, sequence.frames, finished=finished):
                ready[window.stop - window.start].append((sequence, window))
        for windows in ready.values():
            for at in range(0, len(windows), self._vocoder.at_once):
                self._vocode_batch(windows[at : at + self._vocoder.at_once])
        self._active = [sequence for sequence in self._active if not sequence.all_vocoded]

    def _vocode_batch(self, batch: list[tuple[Sequence, Window]]) -> None:
        frames = torch.stack([self._frames(sequence, window) for sequence, window in batch])
        speakers = torch.cat([sequence.latents.speaker_embedding for sequence, _ in batch])
        self._pending.append((batch, self._vocoder.start(frames, speakers)))
        for sequence, window in batch:
            sequence.delivered = window.last

    def _frames(self, sequence: Sequence, window: Window) -> Tensor:
        latents = self._decoder.latents[sequence.slot] if sequence.decoded_latents is None else sequence.decoded_latents
        return sequence.stretch.window(latents, window.start, window.stop, len(sequence.codes))

    def _deliver(self) -> None:
        """What the vocoder has done; all of it, once there is nothing else to do."""
        while self._pending and (self._pending[0][1].ready or not self._active):
            batch, audio = self._pending[0]  # stays there until it is delivered, lest a failure forgets it
            for (sequence, window), row in zip(batch, audio.samples(), strict=True):
                self._deliver_window(sequence, window, row)
            self._pending.popleft()

    def _deliver_window(self, sequence: Sequence, window: Window, samples: NDArray[np.float32]) -> None:
        if sequence not in self._requests:  # cancelled or failed meanwhile
            return
        hop = self._vocoder.hop
        part = samples[(window.first - window.start) * hop : (window.last - window.start) * hop].copy()
        deliver = self._requests[sequence].deliver
        deliver(Audio(sequence.utterance, sequence.piece, part))
        if sequence.stop_reason is not None and window.last == sequence.frames:
            codes, reason = len(sequence.codes), sequence.stop_reason
            deliver(PieceDone(sequence.utterance, sequence.piece, codes, reason, sequence.last))
            self._forget([sequence])

    def _in_flight(self) -> list[Request]:
        given = (sequence for batch, _ in self._pending for sequence, _ in batch)
        return [self._requests[sequence] for sequence in (*self._active, *given) if sequence in self._requests]

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
                self._decoder.vacate(slot)
            self._forget(request.sequences)
        self._active = [sequence for sequence in self._active if sequence in self._requests]

    def _forget(self, sequences: Iterable[Sequence]) -> None:
        for sequence in sequences:
            self._requests.pop(sequence, None)


def _plan(vocoder: Vocoder) -> WindowPlan:
    return WindowPlan(WINDOW_FRAMES, vocoder.context)
