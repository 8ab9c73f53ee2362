"""`python -m api.batch`: a batch file in, sound files and a manifest out. Owns the order of things."""

import asyncio
import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence

import httpx

from api.batch.client import Patience, ServerUnreachableError, SpeechClient
from api.batch.file import BatchFileError, Sample, load
from api.batch.local_server import ServeCommand, bentoml_serve, local_server
from api.batch.manifest import Done, Manifest, ManifestError, still_right
from api.batch.options import KEY_VARIABLE, Exit, Options, parse
from api.batch.progress import Progress, summary
from api.batch.run import run

_CONNECTING = 10.0  # seconds to reach a server that is there
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def main(arguments: Sequence[str], serve: ServeCommand = bentoml_serve) -> Exit:
    """`serve` says how to start a server where none is given. Raises SystemExit on wrong usage."""
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # ends as Ctrl-C does
    try:
        return _batch(options, serve)
    except BatchFileError as error:
        faults = [f"{options.file}:{fault}" for fault in error.faults]
        return _end(Exit.BAD_INPUT, *faults, f"{len(faults)} to put right; nothing was generated")
    except OSError as error:
        return _end(Exit.BAD_INPUT, str(error))
    except ServerUnreachableError as error:
        return _end(Exit.NO_SERVER, str(error), "What is done is kept; --resume goes on from there.")
    except KeyboardInterrupt:
        return _end(Exit.INTERRUPTED, "Interrupted. What is done is kept; --resume goes on from there.")


def _batch(options: Options, serve: ServeCommand) -> Exit:
    samples = load(options.file, options.format)
    options.output.mkdir(parents=True, exist_ok=True)
    manifest = Manifest(options.output, samples, _kept(options, samples))
    manifest.write()
    if manifest.todo:
        with _server(options, serve) as (url, is_starting):
            asyncio.run(_generate(options, manifest, url, is_starting))
    print(summary(manifest))
    return Exit.SOME_FAILED if manifest.failed else Exit.DONE


def _kept(options: Options, samples: Sequence[Sample]) -> list[Done]:
    if not options.resume:
        return []
    try:
        kept = still_right(options.output, samples)
    except ManifestError as error:
        print(f"{error}\nso every sample is generated again")
        return []
    print(f"{len(kept)} of {len(samples)} samples are already right")
    return kept


@contextlib.contextmanager
def _server(options: Options, serve: ServeCommand) -> Iterator[tuple[str, Callable[[], bool]]]:
    """The server's URL, and whether nobody answering there may mean that it is about to."""
    if options.server is not None:
        yield options.server, lambda: False
        return
    log = options.output / "server.log"
    print(f"starting a server; its log is {log}", flush=True)
    with local_server(log, serve) as server:
        yield server.url, server.is_running


async def _generate(options: Options, manifest: Manifest, url: str, is_starting: Callable[[], bool]) -> None:
    key = os.environ.get(KEY_VARIABLE)
    http = httpx.AsyncClient(
        base_url=url,
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=httpx.Timeout(None, connect=_CONNECTING),
        limits=httpx.Limits(max_connections=options.concurrency),
        trust_env=httpx.URL(url).host not in _THIS_MACHINE,  # no proxy stands before it
    )
    async with http:
        client = SpeechClient(http, Patience(answer=options.timeout, loading=options.wait))
        with Progress(len(manifest.todo), sys.stdout, sys.stderr) as progress:
            await client.wait_until_ready(progress.note, is_starting)
            await run(client, manifest, progress, options.concurrency)


def _end(code: Exit, *lines: str) -> Exit:
    print(*lines, sep="\n", file=sys.stderr)
    return code


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may lack a letter
    sys.exit(main(sys.argv[1:]))
