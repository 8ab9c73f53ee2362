"""The command line of `python -m client`: its options, help and exit codes."""

import argparse
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import get_args

import httpx

from api.schemas import OutputFormat

KEY_VARIABLE = "XTTS_API_KEY"


class Exit(IntEnum):
    DONE = 0
    SOME_FAILED = 1
    BAD_INPUT = 2  # argparse's own code for wrong usage
    NO_SERVER = 3
    INTERRUPTED = 130  # 128 + SIGINT, as shells have it


EPILOG = f"""\
what is written to DIR:
  ID.FORMAT        an audio file for each sample
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

examples/input_samples.json is such a FILE, examples/schema.json describes it.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Raises SystemExit: with code 0 for --help, with Exit.BAD_INPUT and a message on wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m client",
        description="Generates the samples of a batch file, several at a time, into a folder.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("file", metavar="FILE", type=Path, help="the batch file (JSON)")
    add("--server", metavar="URL", type=_url, help="a running server (default: start one and stop it)")
    add("--output", metavar="DIR", type=Path, default=Path("output"), help="default: %(default)s")
    add("--format", choices=get_args(OutputFormat), help="write all samples in this format, whatever FILE says")
    add("--concurrency", metavar="N", type=_count, default=8, help="samples at a time (default: %(default)s)")
    add("--resume", action="store_true", help="skip samples that are unchanged and whose file is intact")
    add("--timeout", metavar="S", type=_seconds, default=600.0, help="longest wait for an answer (%(default)g s)")
    add("--wait", metavar="S", type=_seconds, default=900.0, help="longest wait for the model (%(default)g s)")
    return parser.parse_args(arguments)


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
