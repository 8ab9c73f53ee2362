"""`python -m client`: a batch file in, audio files and a manifest out. Owns the order of things."""

import argparse
import asyncio
import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence

import httpx

from api.jobs.manifest import Entry
from api.jobs.schemas import Sample
from client.batch_file import load, server_faults
from client.document import BatchFileError, Document
from client.local_server import ServeCommand, bentoml_serve, local_server
from client.options import KEY_VARIABLE, Exit, parse
from client.output import Output, still_right
from client.run import Run
from client.server import Patience, Server, ServerUnreachable

CONNECTING = 10.0  # seconds to reach a server that is there
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def main(arguments: Sequence[str], serve: ServeCommand = bentoml_serve) -> Exit:
    """`serve` says how to start a server where none is given. Raises SystemExit on wrong usage."""
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # ends as Ctrl-C does
    try:
        return _batch(options, serve)
    except BatchFileError as error:
        faults = [f"{options.file}:{fault}" for fault in error.faults]
        return _end(Exit.BAD_INPUT, *faults, f"{len(faults)} to put right; nothing was generated")
    except (FileNotFoundError, IsADirectoryError) as error:
        if error.filename != str(options.file):
            return _end(Exit.BAD_INPUT, str(error))
        what = f"{options.file} is a folder" if options.file.is_dir() else f"There is no file {options.file}"
        return _end(Exit.BAD_INPUT, f"{what}; name a batch file. examples/input_samples.json is one to begin with.")
    except OSError as error:
        return _end(Exit.BAD_INPUT, str(error))
    except ServerUnreachable as error:
        return _end(Exit.NO_SERVER, str(error), "What is done is kept; --resume goes on from there.")
    except KeyboardInterrupt:
        return _end(Exit.INTERRUPTED, "Interrupted. What is done is kept; --resume goes on from there.")


def _batch(options: argparse.Namespace, serve: ServeCommand) -> Exit:
    document, samples = load(options.file, options.format)
    options.output.mkdir(parents=True, exist_ok=True)
    output = Output(options.output, samples, _kept(options, samples))
    if output.todo:
        with _server(options, serve) as (url, is_starting):
            asyncio.run(_generate(options, document, output, url, is_starting))
    else:
        output.write()
    totals = output.manifest.totals
    print(f"{totals.done} of {totals.samples} samples are in {options.output}")
    return Exit.SOME_FAILED if totals.failed else Exit.DONE


def _kept(options: argparse.Namespace, samples: Sequence[Sample]) -> list[Entry]:
    if not options.resume:
        return []
    try:
        kept = still_right(options.output, samples)
    except ValueError as error:
        print(f"{error}\nso every sample is generated again")
        return []
    print(f"{len(kept)} of {len(samples)} samples are already right")
    return kept


@contextlib.contextmanager
def _server(options: argparse.Namespace, serve: ServeCommand) -> Iterator[tuple[str, Callable[[], bool]]]:
    """The server's URL, and whether no answer there may mean that it is about to start."""
    if options.server is not None:
        yield options.server, lambda: False
        return
    log = options.output / "server.log"
    print(f"starting a server; its log is {log}", flush=True)
    with local_server(log, serve) as server:
        yield server.url, server.is_running


async def _generate(
    options: argparse.Namespace, document: Document, output: Output, url: str, is_starting: Callable[[], bool]
) -> None:
    key = os.environ.get(KEY_VARIABLE)
    async with httpx.AsyncClient(
        base_url=url,
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=httpx.Timeout(None, connect=CONNECTING),
        limits=httpx.Limits(max_connections=options.concurrency),
        trust_env=httpx.URL(url).host not in THIS_MACHINE,  # no proxy stands before it
    ) as http:
        server = Server(http, Patience(answer=options.timeout, loading=options.wait))
        languages = await server.languages(lambda line: print(line, flush=True), is_starting)
        if faults := server_faults(document, output.samples, await server.voices(), languages):
            raise BatchFileError(faults)
        output.write()
        run = Run(server, output, options.concurrency)
        await run.all()
        print(run.summary())


def _end(code: Exit, *lines: str) -> Exit:
    print(*lines, sep="\n", file=sys.stderr)
    return code


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may lack a letter
    sys.exit(main(sys.argv[1:]))
