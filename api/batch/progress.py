"""What a run shows: a bar on a terminal, and for each finished sample a line that reads as well in a log."""

from types import TracebackType
from typing import Self, TextIO

from tqdm import tqdm

from api.batch.manifest import Done, Failed, Manifest


class Progress:
    """The bar goes to `bar`, if that is a terminal, and lines go to `lines`."""

    def __init__(self, total: int, lines: TextIO, bar: TextIO) -> None:
        self._lines = lines
        self._bar = tqdm(total=total, file=bar, disable=not bar.isatty(), unit="sample", dynamic_ncols=True)
        self._total = total
        self._finished = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def note(self, message: str) -> None:
        self._bar.write(message, file=self._lines)
        self._lines.flush()

    def finished(self, entry: Done | Failed) -> None:
        self._finished += 1
        self.note(f"[{self._finished}/{self._total}] {_line(entry)}")
        self._bar.update()


def summary(manifest: Manifest) -> str:
    """The last words on a run: what there is now, how fast it came, and what failed."""
    made, failed, wall = manifest.made, manifest.failed, manifest.run_seconds
    audio = sum(entry.duration for entry in made)
    speed = f"{audio:.2f} s audio  {wall:.2f} s wall  RTF {_factor(wall, audio)}"
    lines = [f"{len(made)} generated: {speed}"] if made else []
    if failed:
        lines += [f"{len(failed)} failed:", *(f"  {entry.id}  {entry.error}" for entry in failed)]
    lines.append(f"{len(manifest.done)} of {len(manifest.samples)} samples are in {manifest.folder}")
    return "\n".join(lines)


def _line(entry: Done | Failed) -> str:
    if isinstance(entry, Failed):
        return f"{entry.id}  failed after {entry.wall_seconds:.2f} s: {entry.error}"
    wall, audio = entry.wall_seconds, entry.duration
    return f"{entry.id}  {audio:.2f} s audio  {wall:.2f} s wall  RTF {_factor(wall, audio)}"


def _factor(wall: float, audio: float) -> str:
    """Real-time factor: seconds of work for a second of audio."""
    return f"{wall / audio:.3f}" if audio else "-"
