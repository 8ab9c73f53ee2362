"""A service like ours in shape, that starts at once: a public one, with what install.py patches, and a dependency."""

import asyncio
import os

import bentoml

from bentoml_patches.draining import refuse_connections_on_sigterm
from bentoml_patches.install import install

install()


@bentoml.service(name="TinyRunner", workers=2)
class TinyRunner:
    @bentoml.api
    async def double(self, number: int) -> int:
        return 2 * number


@bentoml.service(name="Tiny", traffic={"timeout": 3600})
class Tiny:
    runner = bentoml.depends(TinyRunner)

    def __init__(self) -> None:
        refuse_connections_on_sigterm()

    @bentoml.api
    async def length(self, text: str) -> int:
        return len(text)

    @bentoml.api
    async def quadruple(self, number: int) -> int:
        return 2 * await self.runner.to_async.double(number)

    @bentoml.api
    async def wait(self, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return os.environ["PROMETHEUS_MULTIPROC_DIR"]
