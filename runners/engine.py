"""The loop: admit, prefill, decode one code for every live slot, retire, vocode what is ready, deliver.

One thread per process owns the model. Callers submit and cancel from any thread; nothing polls: the thread sleeps
while there is no work. It knows nothing of texts, voices by name, or HTTP.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

import torch

from runners.errors import EngineFailure, Overloaded, SpeechError
from runners.observer import Observer
from runners.pacing import Pacing, order_of
from runners.scheduler import QueueFull, Scheduler
from runners.sequence import Request, Sequence, SequenceStatus
from runners.types import Audio, Failed, Load, PieceDone, StopReason
from runners.vocoder_queue import VocoderQueue
from runners.xtts.decoder import Decoder
from runners.xtts.sampling import NOT_FINITE
from runners.xtts.vocoder import Vocoder

NOT_A_NUMBER = "The model produced values that are not numbers for this text and voice."
STEP_FAILED = "The engine failed while it worked on this request. Try again."
STOPPING = "The server is shutting down."
LOST = "The engine was lost and is being started anew. Try again."
LONGEST_STEP = 30.0  # seconds that `stop` waits for the step under way

log = logging.getLogger(__name__)


class Engine:
    def __init__(
        self,
        decoder: Decoder,
        vocoder: Vocoder,
        pacing: Pacing,
        max_waiting: int,
        on_death: Callable[[], None] = lambda: None,
        *,
        reserve: int = 0,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`reserve`: slots that bulk requests leave vacant; long files leave one of them. `clock`: seconds.

        `on_death` is called when the thread ends without having been asked to: the device is lost.
        """
        self._on_death = on_death
        self._observer = observer or Observer()
        self._decoder = decoder
        self._vocoding = VocoderQueue(vocoder)
        self._clock = clock
        self._pacing = pacing
        self._scheduler: Scheduler[Sequence] = Scheduler(decoder.slots, max_waiting, reserve)
        self._requests: dict[Request, None] = {}  # neither done nor failed, in the order they came
        self._cancelled: list[Request] = []
        self._in_flight: list[Sequence] = []  # live or draining, in the order they were admitted
        self._retired: deque[float] = deque(maxlen=32)  # when slots became vacant, while there was work without a break
        self._steps = 0
        self._stopping = False
        self._stop_message = STOPPING  # of the error that requests get once the engine takes no more
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
            Overloaded: the queue is full; nothing was queued.
            EngineFailure: the engine is stopping, or has died.
        """
        with self._work:
            if self._stopping:
                raise EngineFailure(self._stop_message)
            if request.bulk:
                self._scheduler.submit_bulk(request.sequences)
            else:
                self._submit_interactive(request)
            now = self._clock()
            for turn, sequence in enumerate(request.sequences):
                sequence.request, sequence.turn, sequence.queued = request, turn, now
            request.order = order_of(request, now)
            self._requests[request] = None
            self._report_load()
            self._work.notify()

    def _submit_interactive(self, request: Request) -> None:
        try:
            self._scheduler.submit(request.sequences)
        except QueueFull:
            raise self._overloaded() from None

    def check_room(self) -> None:
        """Raises Overloaded when `submit` would refuse even one sequence: ask before any work is done for it.

        Bulk requests are never refused.
        """
        with self._work:
            if self._scheduler.full:
                raise self._overloaded()

    def cancel(self, request: Request) -> None:
        """The request's slots are free at the next step. Harmless when it is over."""
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
        retired = self._retired
        interval = (retired[-1] - retired[0]) / (len(retired) - 1) if len(retired) > 1 else 1.0
        return Overloaded(message, retry_after=max(1.0, (waiting - self._scheduler.max_waiting + 0.5) * interval))

    def _report_load(self) -> None:
        """The caller holds the lock."""
        scheduler = self._scheduler
        self._observer.load(scheduler.slots, len(scheduler.live), scheduler.live_bulk, scheduler.waiting)

    # The engine's thread, from here on.

    def _run(self) -> None:
        try:
            while self._wait_for_work():
                self._step_or_fail()
        except Exception:  # not even the slots could be cleared: the device is gone, and this engine with it
            log.exception("The engine cannot go on")
            self._stop_message = LOST
            self._on_death()
        finally:
            self._end()

    def _wait_for_work(self) -> bool:
        """False once the engine is to stop."""
        with self._work:
            self._report_load()
            if not self._requests:
                self._retired.clear()
            self._work.wait_for(lambda: self._stopping or self._cancelled or self._requests)
            return not self._stopping

    def _step_or_fail(self) -> None:
        with self._work:
            self._drop(self._cancelled)
            self._cancelled = []
            admitted = self._admit()
            self._report_load()
        try:
            self._step(admitted)
        except Exception:  # whatever broke the step (out of memory, a driver's fault), the engine goes on
            log.exception("A step failed; the requests in flight fail with it")
            self._vocoding.clear()
            self._fail([sequence.request for sequence in self._in_flight], EngineFailure(STEP_FAILED))
            if self._decoder.device.type == "cuda":
                torch.cuda.empty_cache()

    def _step(self, admitted: list[Sequence]) -> None:
        if admitted:
            self._prefill(admitted)
        if live := [sequence for sequence in self._in_flight if sequence.status is SequenceStatus.LIVE]:
            self._decode(live)
        vocoding = self._vocode()
        self._deliver(wait=not live and not vocoding)
        self._in_flight = _running(self._in_flight)
        self._steps += 1

    def _admit(self) -> list[Sequence]:
        """Move waiting sequences into vacant slots. The caller holds the lock."""
        now = self._clock()
        sequences = []
        most, bulk = 1 if self._pacing.one_by_one else None, not self._pacing.bulk_waits
        for sequence, slot in self._scheduler.admit(self._pacing.priority, most=most, bulk=bulk):
            sequence.status, sequence.slot = SequenceStatus.LIVE, slot
            if sequence.turn == 0:
                sequence.request.waited = now - sequence.queued
            sequence.decoded_latents = self._decoder.latents[slot]
            sequences.append(sequence)
        if sequences:
            interactive = [sequence for sequence in sequences if not sequence.request.bulk]
            self._observer.admitted(len(sequences), [now - sequence.queued for sequence in interactive])
        self._in_flight += sequences
        return sequences

    def _prefill(self, admitted: list[Sequence]) -> None:
        began = self._clock()
        codes = self._decoder.prefill(
            [sequence.slot for sequence in admitted],
            [sequence.tokens for sequence in admitted],
            [sequence.latents.gpt_cond_latent for sequence in admitted],
            [sequence.sampling for sequence in admitted],
        )
        self._pacing.prefilled(admitted, self._clock() - began)
        self._advance(admitted, codes)

    def _decode(self, live: list[Sequence]) -> None:
        began = self._clock()
        codes = self._decoder.step([sequence.slot for sequence in live])
        spent = self._clock() - began
        self._observer.stepped(len(live), spent)
        self._pacing.speed.stepped(len(live), spent)
        self._advance(live, codes)

    def _vocode(self) -> bool:
        """Those who need it first. Whether there was anything."""
        began = self._clock()
        if request := self._pacing.look(self._in_flight, began):
            self._begin(request)
        if windows := self._vocoding.start(self._pacing.windows(self._in_flight)):
            self._pacing.vocoded(windows, self._clock() - began)
        return bool(windows)

    def _advance(self, sequences: list[Sequence], codes: list[int]) -> None:
        """Note each sequence's new code, and retire those that are decoded."""
        for sequence, code in zip(sequences, codes, strict=True):
            if code == NOT_FINITE:
                self._decoder.wipe(sequence.slot)
            if sequence.status is SequenceStatus.FAILED:  # with another of its request, just now
                continue
            if code == NOT_FINITE:
                self._fail([sequence.request], EngineFailure(NOT_A_NUMBER, utterance=sequence.utterance))
                continue
            sequence.codes.append(code)
            if code == self._decoder.stop_code:
                self._retire(sequence, StopReason.STOP_CODE)
            elif len(sequence.codes) == self._decoder.max_codes:
                self._retire(sequence, StopReason.LIMIT)

    def _retire(self, sequence: Sequence, reason: StopReason) -> None:
        sequence.status, sequence.stop_reason = SequenceStatus.DRAINING, reason
        sequence.decoded_latents = self._decoder.latents[sequence.slot, : len(sequence.codes)].clone()
        request = sequence.request
        while request.decoded < len(request.sequences) and request.sequences[request.decoded].stop_reason is not None:
            request.decoded += 1
        with self._work:
            self._scheduler.retire(sequence)
            if not request.bulk:
                self._retired.append(self._clock())
        self._decoder.vacate(sequence.slot)

    def _deliver(self, *, wait: bool) -> None:
        """What the vocoder has finished. `wait`: all that it was given, since there is nothing else to do."""
        for sequence, window, samples in self._vocoding.finished(wait=wait):
            if sequence.status is SequenceStatus.FAILED:
                continue
            audio = Audio(sequence.utterance, sequence.piece, samples, sequence.request.waited)
            self._send(sequence, audio, self._pacing.seconds(window.last - window.first))
            if sequence.stop_reason is not None and window.last == sequence.frames:
                self._finish(sequence, sequence.stop_reason)

    def _finish(self, sequence: Sequence, reason: StopReason) -> None:
        sequence.status = SequenceStatus.DONE
        request = sequence.request
        if request.done:
            with self._work:
                del self._requests[request]
        codes = len(sequence.codes)
        self._send(sequence, PieceDone(sequence.utterance, sequence.piece, codes, reason, sequence.last))
        if request.done and request.playback and not request.playback.started:
            self._begin(request)

    def _send(self, sequence: Sequence, event: Audio | PieceDone, seconds: float = 0.0) -> None:
        """To the caller, or kept until its stream begins. `seconds`: of audio."""
        request = sequence.request
        if request.playback:
            request.playback.send(request.deliver, sequence.turn, event, seconds, self._clock())
        else:
            request.deliver(event)

    def _begin(self, request: Request) -> None:
        """Its listener gets what there is."""
        now, playback = self._clock(), request.playback
        assert playback
        self._observer.held(now - playback.ready)
        request.waited += now - playback.ready
        playback.start(request.deliver, request.waited, now)

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
            for sequence in request.sequences:
                if sequence.status is not SequenceStatus.DONE:
                    sequence.status = SequenceStatus.FAILED
            self._requests.pop(request, None)
        self._in_flight = _running(self._in_flight)

    def _end(self) -> None:
        """Fail every request that is left. The device is not touched."""
        with self._work:
            self._stopping = True
            left = list(self._requests)
            self._requests.clear()
        for request in left:
            request.deliver(Failed(EngineFailure(self._stop_message)))


def _running(sequences: Iterable[Sequence]) -> list[Sequence]:
    """Those that are live or draining."""
    return [s for s in sequences if s.status in (SequenceStatus.LIVE, SequenceStatus.DRAINING)]
