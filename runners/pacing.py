"""Who gets a slot next, and whose audio is vocoded next, by the clocks of those who listen. No torch.

Speech is played one second a second. A listener who has two seconds in hand needs nothing now; one who is about to run
dry needs the next window at once; a whole file has no clock and takes what is left. A decode step costs nearly the same
for one sequence as for all, so whatever has a slot is decoded in every step: slots and the vocoder are what is shared
out by need. What comes out of a sequence depends on none of this.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence as Items
from math import inf
from typing import Final

from runners.playback import Playback
from runners.scheduler import Priority
from runners.sequence import Request, Sequence
from runners.xtts.windows import BATCHED_FRAMES, WINDOW_FRAMES, Window

COMFORT: Final = 2.0  # seconds in hand of a listener who comes after the files
NEXT_PIECE: Final = 8.0  # seconds in hand at which a listener's next piece gets a slot before anybody else
LATER_PIECE: Final = 10.0  # seconds that each piece of a file stands in the queue behind the one before it
LONGEST_HANDICAP: Final = 30.0  # seconds that a long stream stands in the queue behind a short one
PATIENCE: Final = 20.0  # seconds that a long file waits before it may have the last vacant slot
FILES_EVERY: Final = 3.0  # seconds after which a file gets a window before listeners with more than SAFE in hand
SECONDS_A_TOKEN: Final = 0.19  # of speech, as XTTS-v2 speaks English
SHORT_TEXT: Final = 20  # tokens, about 4 s of speech
LONGER: Final = 1.1  # times as long as expected a text may become
ENDING: Final = 0.5  # seconds of speech that are expected at least of one that has not ended
BACKLOG: Final = 60.0  # seconds of files, decoded and not vocoded, past which only short ones get slots
SAFE: Final = 1.0  # seconds in hand of a listener who comes after a file that has waited
MARGIN: Final = 1.7  # times as long as now that the rest of a stream may take to make, once it has begun
NEWEST: Final = 0.1  # weight of a measurement of the speed


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
    def __init__(self, frame: float, code: float, context: int, *, blocking: bool = True) -> None:
        """Seconds of audio of a vocoder's frame, and of a code. `context`: frames that the vocoder reads beyond those
        it delivers. `blocking`: vocoding keeps the decoder waiting."""
        self._blocking = blocking
        self.speed = Speed()
        self.sizes = WINDOW_FRAMES if blocking else BATCHED_FRAMES
        self._frame, self._code, self._context = frame, code, context
        self._now = 0.0
        self._cycle = 0.0  # seconds in which every live sequence of a stream gets a second of audio
        self._live: Counter[Request] = Counter()  # sequences of streams
        self._short = False  # whether a listener is short of audio
        self._about_to_begin = False  # whether a stream lacks codes for its first window
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

    @property
    def one_by_one(self) -> bool:
        """Whether a step may admit one sequence only: while a prefill takes its time, all listeners wait."""
        return self._short and self._blocking

    def look(self, sequences: Items[Sequence], now: float) -> Request | None:
        """Who listens, and who may begin to. `sequences`: those that hold a slot or are not delivered.

        A stream is decoded from its first moment, and held until what there is of it lasts its listener until the rest
        is made. Returns one that is to begin now: what it takes is seen before another does.
        """
        self._now = now
        self._pending.clear()
        self._files_behind, self._bulk_behind = 0.0, 0.0
        for each in sequences:
            seconds = self.seconds(each.frames - each.vocoded)
            self._pending[each.request] += seconds
            if each.stop_reason is not None and each.request.bulk:
                self._bulk_behind += seconds
            elif each.stop_reason is not None and not each.request.playback:
                self._files_behind += seconds
        for request in self._pending:
            if request.playback and request not in self._streams:
                self._streams[request], request.playback.ready = request.playback, now
        self._streams = {each: playback for each, playback in self._streams.items() if not each.over}
        live = [each.request for each in sequences if each.stop_reason is None]
        self._live = Counter(request for request in live if request.playback)
        between = sum(each.decoded < len(each.sequences) and not self._live[each] for each in self._streams)
        vocoding = float(self.speed.prefilling) + float(self.speed.vocoding)
        self._cycle = self.speed.step(len(live) + between) / self._code + vocoding * (self._live.total() + between)
        playing = [playback for playback in self._streams.values() if playback.started]
        self._short = any(playback.in_hand(now) + playback.ahead < COMFORT for playback in playing)
        held = [request for request, playback in self._streams.items() if not playback.started]
        self._about_to_begin = any(map(self._lacks_codes, held))
        return next((request for request in sorted(held, key=lambda each: each.order) if self._lasts(request)), None)

    def priority(self, waiting: Sequence) -> Priority | None:
        """Of a sequence that waits for a slot; None while it may have none. While a listener is short of audio those
        that would leave the last slot vacant have none."""
        priority = self._priority(waiting)
        return None if priority and priority.leaves and self.one_by_one else priority

    def _priority(self, waiting: Sequence) -> Priority | None:
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

        A long window keeps the decoder waiting too. So while a listener is short of audio those who are not wait; while
        a stream lacks codes for its first window files do, but short ones and one every FILES_EVERY seconds.
        """
        needs = sorted(((self._need(each), each.vocoded, each) for each in sequences), key=lambda need: need[:2])
        short = [need for need in needs if need[0] < COMFORT]
        if self._blocking and short:
            needs = short
        elif self._blocking and self._about_to_begin:
            needs = [need for need in needs if need[2].request.playback]
        return [(sequence, self._frames(sequence)) for _, _, sequence in needs]

    def _lacks_codes(self, request: Request) -> bool:
        """Whether a stream is decoded of which there are too few codes for a first window."""
        first = request.sequences[0]
        enough = self.seconds(self.sizes[0] + self._context) + 2 * self._code  # the newest codes settle no frame yet
        return first.stop_reason is None and len(first.codes) * self._code < enough

    def _lasts(self, request: Request) -> bool:
        """Whether what there is of a stream, which nobody has heard yet, lasts until the rest is made."""
        first = request.sequences[0]
        if first.stop_reason is None and first.frames < self.sizes[0] + self._context:
            return False
        return self._in_time([first], 1) and self._in_time(request.sequences, self._live[request])

    def _in_time(self, sequences: Items[Sequence], live: int) -> bool:
        """Whether these will be made by the time that they have been played, `live` of them at once."""
        left = sum(map(self._left, sequences))
        playing = self.seconds(sum(each.frames for each in sequences) - self.sizes[0]) + left
        return left == 0 or MARGIN * left * self._cycle / max(live, 1) <= playing

    def _left(self, sequence: Sequence) -> float:
        """Seconds of it that are not decoded yet, about."""
        if sequence.stop_reason is not None:
            return 0.0
        return max(LONGER * _expected([sequence]) - self.seconds(sequence.frames), ENDING)

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
        there = sequence.frames - sequence.vocoded - (self._context if sequence.stop_reason is None else 0)
        most = playback.in_hand(self._now) / self._frame if playback.begun else there  # what it begins with is in hand
        return max((size for size in self.sizes if size <= most), default=self.sizes[0])


def order_of(request: Request, now: float) -> float:
    """When it came, and as if it had come later by the seconds that there are to say, up to LONGEST_HANDICAP."""
    return now + min(_expected(request.sequences), LONGEST_HANDICAP)


def _expected(sequences: Items[Sequence]) -> float:
    """Seconds of audio that their texts will be, about."""
    return SECONDS_A_TOKEN * sum(len(each.tokens) for each in sequences)
