"""Who gets a slot next, and whose audio is vocoded next, by the clocks of those who listen. No torch.

Speech is played one second a second. A listener who has two seconds in hand needs nothing now; one who is about to run
dry needs the next window at once; a whole file has no clock and takes what is left. A decode step costs nearly the same
for one sequence as for all, so whatever has a slot is decoded in every step: slots and the vocoder are what is shared
out by need. What comes out of a sequence depends on none of this.
"""

from collections import defaultdict
from collections.abc import Sequence as Items
from math import inf
from typing import Final

from runners.playback import Playback
from runners.scheduler import Priority
from runners.sequence import Request, Sequence
from runners.xtts.windows import Window, window_length

# Frames that a window delivers, 0.3 to 2.7 s of audio. Its context makes a short one dear.
WINDOW_FRAMES: Final[tuple[int, int, int, int]] = (32, 64, 128, 256)
COMFORT: Final = 2.0  # seconds in hand of a listener who comes after the files
NEXT_PIECE: Final = 8.0  # seconds in hand at which a listener's next piece gets a slot before anybody else
LATER_PIECE: Final = 10.0  # seconds that each piece of a file stands in the queue behind the one before it
LONGEST_HANDICAP: Final = 30.0  # seconds that a long stream stands in the queue behind a short one
PATIENCE: Final = 20.0  # seconds that a long file waits before it may have the last vacant slot
FILES_EVERY: Final = 3.0  # seconds after which a file gets a window before listeners with more than SAFE in hand
SECONDS_A_TOKEN: Final = 0.19  # of speech, as XTTS-v2 speaks English
SHORT_TEXT: Final = 20  # tokens, about 4 s of speech
HORIZON: Final = 16.0  # seconds in hand of a listener who is no load
BACKLOG: Final = 60.0  # seconds of files, decoded and not vocoded, past which only short ones get slots
SAFE: Final = 1.0  # seconds that every listener has in hand when another starts
CARRIED: Final = 1.5  # times real time that each listener has to be carried at for one more to start
BRISK: Final = 2.2  # times real time from which a stream begins with the shortest window
NEWEST: Final = 0.1  # weight of a measurement of the speed
HALTING: Final = 2.0  # times real time below which it begins with the longest


class Cost:
    """Seconds of the engine's thread for a second of audio, as they were lately."""

    def __init__(self) -> None:
        self._audio, self._spent = 0.0, 0.0

    def add(self, audio: float, spent: float) -> None:
        self._audio += audio - NEWEST * self._audio
        self._spent += spent - NEWEST * self._spent

    def __float__(self) -> float:
        return self._spent / self._audio if self._audio else 0.0


class Speed:
    """What the hardware takes, measured as it works. Until then everything looks quick."""

    def __init__(self) -> None:
        self._steps: dict[int, float] = {}  # seconds of a decode step, by the sequences in it
        self.vocoding = Cost()
        self.prefilling = Cost()

    def stepped(self, sequences: int, seconds: float) -> None:
        known = self._steps.setdefault(sequences, seconds)
        self._steps[sequences] = known + NEWEST * (min(seconds, 3 * known) - known)

    def step(self, sequences: int) -> float:
        """Seconds of a step of so many, or of the next larger number that was measured, or else of the largest."""
        if not self._steps:
            return 0.0
        return self._steps[min((each for each in self._steps if each >= sequences), default=max(self._steps))]


class Pacing:
    def __init__(self, frame: float, code: float, *, blocking: bool = True) -> None:
        """Seconds of audio of a vocoder's frame, and of a code. `blocking`: vocoding keeps the decoder waiting."""
        self._blocking = blocking
        self.speed = Speed()
        self.sizes = WINDOW_FRAMES
        self._frame, self._code = frame, code
        self._now = 0.0
        self._step = 0.0  # seconds of steps for a second of everybody's audio
        self._decoding = 0.0  # share of the time that steps must get, so that those who listen are carried
        self._vocoding = 0.0  # seconds of audio a second that they need
        self._safe = True  # whether each has some in hand
        self._files_behind = 0.0  # seconds of decoded sequences of files that are not vocoded yet
        self._bulk_behind = 0.0  # the same, of the bulk lane
        self._pending: dict[Request, float] = defaultdict(float)  # seconds decoded and not yet vocoded
        self._streams: dict[Request, Playback] = {}  # that have had a slot and are not over
        self._last_file = 0.0  # when a window of a file was last vocoded

    def seconds(self, frames: int) -> float:
        """Of audio."""
        return frames * self._frame

    def prefilled(self, sequences: Items[Sequence], seconds: float) -> None:
        """These took the engine's thread `seconds`."""
        self.speed.prefilling.add(_expected(sequences), seconds)

    def vocoded(self, windows: Items[tuple[Sequence, Window]], seconds: float) -> None:
        """These took the engine's thread `seconds`."""
        self.speed.vocoding.add(self.seconds(sum(window.last - window.first for _, window in windows)), seconds)
        if any(not sequence.request.playback and not self._brief(sequence) for sequence, _ in windows):
            self._last_file = self._now

    @property
    def bulk_waits(self) -> bool:
        """Whether bulk sequences may have no slot."""
        return self._files_behind + self._bulk_behind > BACKLOG

    def look(self, sequences: Items[Sequence], now: float) -> list[tuple[Request, Playback]]:
        """Who listens, and who may begin to. `sequences`: those that hold a slot or are not delivered.

        A stream that cannot be carried beside those that play is decoded already, and vocoded as files are, but its
        listener waits, the longer the more there is to say. Returns the streams that are to begin now.
        """
        self._now = now
        self._pending.clear()
        self._files_behind, self._bulk_behind = 0.0, 0.0
        for each in sequences:
            seconds = (each.frames - each.vocoded) * self._frame
            self._pending[each.request] += seconds
            if each.stop_reason is not None and each.request.bulk:
                self._bulk_behind += seconds
            elif each.stop_reason is not None and not each.request.playback:
                self._files_behind += seconds
        self._step = self.speed.step(sum(each.stop_reason is None for each in sequences)) / self._code
        self._decoding, self._vocoding, self._safe = 0.0, 0.0, True
        for request in self._pending:
            if request.playback and request not in self._streams:
                self._streams[request], request.playback.ready = request.playback, now
        self._streams = {each: playback for each, playback in self._streams.items() if not each.over}
        for request, playback in self._streams.items():
            if playback.started:
                self._count(request, playback)
        held = [request for request, playback in self._streams.items() if not playback.started]
        begin = []
        for request in sorted(held, key=lambda stream: stream.order):
            playback = self._streams[request]
            if self._carried(request, playback):
                self._count(request, playback)
                begin.append((request, playback))
        return begin

    def priority(self, waiting: Sequence) -> Priority | None:
        """Of a sequence that waits for a slot; None while it may have none."""
        request, playback, later = waiting.request, waiting.request.playback, waiting.turn > 0
        if playback is None:
            short = not later and len(waiting.tokens) <= SHORT_TEXT
            if self._files_behind > BACKLOG and not short:
                return None
            patient = self._now - waiting.queued < PATIENCE
            return Priority(waiting.queued + LATER_PIECE * waiting.turn, leaves=int(patient and not short))
        in_hand = playback.in_hand(self._now) + playback.ahead + self._pending.get(request, 0.0)
        if later and in_hand < NEXT_PIECE and request.decoded == waiting.turn:
            return Priority(-inf)
        return Priority(request.order + LATER_PIECE * waiting.turn, leaves=int(later))

    def windows(self, sequences: Items[Sequence]) -> list[tuple[Sequence, int]]:
        """Whose audio is vocoded now, the first ones first, and how many frames of it.

        While a listener is short of audio, those who are not wait: a long window would keep the decoder waiting too.
        """
        needs = sorted(((self._need(each), each.vocoded, each) for each in sequences), key=lambda need: need[:2])
        short = [need for need in needs if need[0] < COMFORT]
        chosen = short if short and self._blocking else needs
        return [(sequence, self._frames(sequence)) for _, _, sequence in chosen]

    def _count(self, request: Request, playback: Playback) -> None:
        """A stream that has started, among what is needed."""
        decoding, vocoding = self._needs(request, playback)
        self._decoding = max(self._decoding, decoding)
        self._vocoding += vocoding
        self._safe = self._safe and (playback.in_hand(self._now) + playback.ahead >= SAFE or vocoding == 0)

    def _carried(self, request: Request, playback: Playback) -> bool:
        """Whether it could be, beside those that play."""
        decoding, vocoding = self._needs(request, playback)
        if self._vocoding == 0 or decoding == vocoding == 0:
            return True
        speed = self._speed(max(self._decoding, decoding), self._vocoding + vocoding)
        return speed >= CARRIED and (self._safe or speed >= 2 * BRISK)

    def _needs(self, request: Request, playback: Playback) -> tuple[float, float]:
        """Of a listener, each 0 to 1: steps, and the vocoder."""
        in_hand = playback.in_hand(self._now) + playback.ahead
        pending = self._pending.get(request, 0.0)
        if request.decoded < len(request.sequences):
            return _share(in_hand + pending), _share(in_hand)
        return 0.0, min(_share(in_hand), pending / HORIZON)

    def _speed(self, decoding: float, vocoding: float) -> float:
        """Times real time at which so much is done."""
        spent = self._step * decoding + (float(self.speed.prefilling) + float(self.speed.vocoding)) * vocoding
        return 1 / spent if spent else inf

    def _need(self, sequence: Sequence) -> float:
        """Seconds until its audio is missed; of a file, the seconds that it is treated as having."""
        playback = sequence.request.playback
        if playback is None:
            if sequence.request.bulk:
                return COMFORT + 1
            if self._brief(sequence):
                return SAFE
            return SAFE if self._now > self._last_file + FILES_EVERY else COMFORT
        if not playback.started:
            return COMFORT + 0.5
        in_hand = playback.in_hand(self._now)
        return in_hand if sequence.turn == playback.turn else COMFORT + max(in_hand, 0.0)

    def _brief(self, file: Sequence) -> bool:
        """Whether it is a short text that has not waited long: it would, behind the windows of long ones."""
        return file.turn == 0 and len(file.tokens) <= SHORT_TEXT and self._now - file.queued < LATER_PIECE

    def _frames(self, sequence: Sequence) -> int:
        """Of the next window: long ones are cheap, short ones are there soon."""
        playback = sequence.request.playback
        if playback is None or not playback.started or sequence.turn != playback.turn:
            return self.sizes[-1]
        speed = self._speed(self._decoding, self._vocoding)
        if not playback.begun:  # what it begins with is what it has in hand
            return self.sizes[0 if speed >= BRISK else 2 if speed >= HALTING else 3]
        in_hand = playback.in_hand(self._now) / self._frame
        sizes = self.sizes[0 if speed >= BRISK or in_hand < self.sizes[1] else 2 :]
        return max((size for size in sizes if size <= in_hand), default=sizes[0])


def _share(in_hand: float) -> float:
    """Of a listener's need, 0 to 1."""
    return min(max(1 - in_hand / HORIZON, 0.0), 1.0)


def order_of(request: Request, now: float) -> float:
    """When it came, and as if it had come later by the seconds that there are to say, up to LONGEST_HANDICAP."""
    return now + min(_expected(request.sequences), LONGEST_HANDICAP)


def _expected(sequences: Items[Sequence]) -> float:
    """Seconds of audio that their texts will be, about."""
    return SECONDS_A_TOKEN * sum(len(each.tokens) for each in sequences)


def window_lengths(context: int) -> list[int]:
    """Frames of the windows that the vocoder will be given, shorter ends of utterances aside."""
    return [window_length(size, context) for size in WINDOW_FRAMES]
