"""Keeps latents by the hash of what they were made from: in memory, and as files that processes share.

Knows neither clips nor the model: on a miss it calls the function it was given. Nothing that it finds on disk
is trusted (no pickle; key, shapes, digest and numbers are checked), and no fault of the disk fails a request.
"""

import hashlib
import json
import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Lock
from typing import Literal

from safetensors import SafetensorError
from safetensors.torch import load, save

from runners.conditioning.latents import Latents, LatentShapes
from runners.conditioning.voice_file import safetensors_metadata
from runners.whole_file import private_folder, write_whole

Lookup = Literal["memory", "disk", "miss"]  # where latents were found

FORMAT = "xtts-latents-2"  # raise it when latents of the same clip change: it is part of every key
logger = logging.getLogger(__name__)


def cache_key(**made_from: object) -> str:
    """Sha256 over everything that decides the latents (JSON values) and over the format's version."""
    text = json.dumps({"format": FORMAT, **made_from}, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class LatentsCache:
    """A memory LRU over a folder of `<key[:2]>/<key>.safetensors`.

    Threads that miss one key at the same time compute it once. Processes do not wait for each other: two that
    miss the same key on an empty folder both compute it, write whole files and rename them into place, and
    the last one stays. That costs one clip's work once, and needs no locks on a network volume. Files are
    never deleted here (135 kB each).
    """

    def __init__(
        self,
        folder: Path,
        shapes: LatentShapes,
        *,
        capacity: int = 256,
        count: Callable[[Lookup], None] = lambda result: None,
    ) -> None:
        """`count` is called for every look-up."""
        self._files = _LatentsFiles(folder, shapes)
        self._capacity = capacity  # latents in memory
        self._memory: OrderedDict[str, Latents] = OrderedDict()
        self._in_flight: dict[str, Future[Latents]] = {}
        self._lock = Lock()  # guards the two above
        self._count = count

    def get(self, key: str, compute: Callable[[], Latents], *, keep: bool = True) -> Latents:
        """From memory, disk or `compute`, whose error goes to all who wait for it and is not kept.

        Unless `keep`, no file is written of what is computed.
        """
        with self._lock:
            if key in self._memory:
                self._count("memory")
                self._memory.move_to_end(key)
                return self._memory[key]
            future = self._in_flight.get(key)
            if mine := future is None:
                future = self._in_flight[key] = Future()
        if mine:
            self._fulfil(future, key, compute, keep)
        try:
            return future.result()
        finally:
            del future  # an error's traceback holds this frame: without the way back both go, and with them the clip

    def _fulfil(self, future: Future[Latents], key: str, compute: Callable[[], Latents], keep: bool) -> None:
        try:
            latents = self._find_or_compute(key, compute, keep)
        except BaseException as error:  # whatever it is, those who wait must not wait for ever
            with self._lock:
                del self._in_flight[key]
            future.set_exception(error)
            del future
            return
        with self._lock:
            del self._in_flight[key]
            self._memory[key] = latents
            while len(self._memory) > self._capacity:
                self._memory.popitem(last=False)
        future.set_result(latents)

    def _find_or_compute(self, key: str, compute: Callable[[], Latents], keep: bool) -> Latents:
        found = self._files.read(key)
        self._count("miss" if found is None else "disk")
        if found is not None:
            return found
        latents = compute()
        if keep:
            self._files.write(key, latents)
        return latents


class _LatentsFiles:
    """One file a key. When the disk fails, reading returns None and writing does nothing."""

    def __init__(self, folder: Path, shapes: LatentShapes) -> None:
        self._folder = folder
        self._shapes = shapes

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.safetensors"

    def read(self, key: str) -> Latents | None:
        path = self._path(key)
        try:
            return self._checked(key, path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            logger.warning("Cannot read cached latents %s (%s): computing them", path, error.strerror)
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            logger.warning("Cached latents %s are damaged or foreign (%s): computing them anew", path, error)
        return None

    def _checked(self, key: str, raw: bytes) -> Latents:
        tensors, header = load(raw), safetensors_metadata(raw)
        latents = Latents(tensors["gpt_cond_latent"], tensors["speaker_embedding"])
        if header != _stamp(key, latents):
            raise ValueError("its stamp does not match")
        if latents.shapes != self._shapes:
            raise ValueError(f"{latents.shapes} where this model has {self._shapes}")
        if not latents.finite:
            raise ValueError("NaN or infinity")
        return latents

    def write(self, key: str, latents: Latents) -> None:
        path = self._path(key)
        tensors = {"gpt_cond_latent": latents.gpt_cond_latent, "speaker_embedding": latents.speaker_embedding}
        try:
            private_folder(path.parent)
            write_whole(path, save(tensors, metadata=_stamp(key, latents)))
        except OSError as error:
            logger.warning("Cannot keep latents in %s (%s): in memory only", path, error.strerror)


def _stamp(key: str, latents: Latents) -> dict[str, str]:
    """A file's metadata: its key, its format and a digest, as safetensors has no checksum."""
    digest = hashlib.sha256()
    for tensor in (latents.gpt_cond_latent, latents.speaker_embedding):
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return {"format": FORMAT, "key": key, "digest": digest.hexdigest()}
