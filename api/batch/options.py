"""The command line of `python -m api.batch`: its options, help and exit codes. Does nothing itself."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import httpx

from api.batch.client import Patience

KEY_VARIABLE = "XTTS_API_KEY"
FORMATS = ("mp3", "wav", "flac", "opus", "aac", "pcm")


class Exit(IntEnum):
    DONE = 0
    SOME_FAILED = 1
    BAD_INPUT = 2  # argparse's own code for wrong usage
    NO_SERVER = 3
    INTERRUPTED = 130  # 128 + SIGINT, as shells have it


_EPILOG = f"""\
what is written to DIR:
  ID.FORMAT        a sound file for each sample
  manifest.json    of each sample: text, seed, duration, size, sha256, timings; or why it failed
  server.log       what the server printed, where none was given

environment:
  {KEY_VARIABLE}     the key to send, where the server wants one

exit codes:
  {Exit.DONE}    every sample has its file
  {Exit.SOME_FAILED}    some samples failed; the others have their files
  {Exit.BAD_INPUT}    FILE, DIR or an option is wrong; each fault of FILE is shown with its line
  {Exit.NO_SERVER}    the server cannot be reached, does not start, or went away
  {Exit.INTERRUPTED}  interrupted

api/batch/schema.json describes FILE, examples/input_samples.json is one.
"""


@dataclass(frozen=True, slots=True)
class Options:
    file: Path
    server: str | None
    output: Path
    format: str | None
    concurrency: int
    resume: bool
    timeout: float  # seconds
    wait: float  # seconds


def parse(arguments: Sequence[str]) -> Options:
    """Raises SystemExit: with code 0 for --help, with Exit.BAD_INPUT and a message on wrong usage."""
    return Options(**vars(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m api.batch",
        description="Generates the samples of a batch file, several at a time, into a folder.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add, patience = parser.add_argument, Patience()
    add("file", metavar="FILE", type=Path, help="the batch file (JSON)")
    add("--server", metavar="URL", type=_url, help="a running server (default: start one and stop it)")
    add("--output", metavar="DIR", type=Path, default=Path("output"), help="default: %(default)s")
    add("--format", choices=FORMATS, help="write all samples in this format, whatever FILE says")
    add("--concurrency", metavar="N", type=_count, default=8, help="samples at a time (default: %(default)s)")
    add(
        "--resume",
        action="store_true",
        help="skip samples that are unchanged and whose file is intact",
    )
    add(
        "--timeout",
        metavar="S",
        type=_seconds,
        default=patience.answer,
        help="longest wait for one answer (default: %(default)g s)",
    )
    add(
        "--wait",
        metavar="S",
        type=_seconds,
        default=patience.loading,
        help="longest wait for the model to be loaded (default: %(default)g s)",
    )
    return parser


def _url(value: str) -> str:
    try:
        url = httpx.URL(value)
    except httpx.InvalidURL as error:
        raise argparse.ArgumentTypeError(f"{value!r} is not a URL: {error}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise argparse.ArgumentTypeError(f"{value!r} is not a URL such as http://localhost:3000")
    return value


def _count(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise argparse.ArgumentTypeError(f"{value!r} is not a whole number from 1 up")
    return int(value)


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:  # nor NaN
        raise argparse.ArgumentTypeError(f"{value!r} is not a number of seconds above 0")
    return seconds
