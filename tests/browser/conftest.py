"""A real server with a key, and Debian's Chromium with a microphone that beeps. `make test-browser` runs these."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, ConsoleMessage, Page, expect, sync_playwright

from tests.service.server import ROOT, Server, serving

KEY = "correct-horse"
ARGUMENTS = [
    "--no-sandbox",  # root has none
    "--use-fake-ui-for-media-stream",  # who asks for the microphone gets it
    "--use-fake-device-for-media-stream",
]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    environ = {"XTTS_API_KEYS": KEY, "XTTS_VOICES_DIR": str(ROOT / "references"), "XTTS_SLOTS": "4"}
    with serving(folder, environ) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[BrowserType]:
    with sync_playwright() as playwright:
        expect.set_options(timeout=120_000)
        yield playwright.chromium


def launch(chromium: BrowserType, *arguments: str) -> Browser:
    return chromium.launch(executable_path=shutil.which("chromium"), args=[*ARGUMENTS, *arguments])


@pytest.fixture(scope="session")
def browser(chromium: BrowserType) -> Browser:
    return launch(chromium)


class Visit:
    """A browser's window at the studio, its key given. At the end there must have been no error in its console."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.errors: list[str] = []
        self.expected: set[str] = set()  # parts of errors that a test provokes
        context.add_init_script(f"sessionStorage.setItem('xtts-key', '{KEY}')")
        context.set_default_timeout(120_000)  # a busy machine takes its time
        self.page: Page = context.new_page()
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def unforeseen(self) -> list[str]:
        return [error for error in self.errors if not any(part in error for part in self.expected)]


@pytest.fixture(params=["en-GB light 1280", "hu-HU dark 400"])
def visit(request: pytest.FixtureRequest, browser: Browser, server: Server) -> Iterator[Visit]:
    locale, scheme, width = request.param.split()
    context = browser.new_context(
        locale=locale, color_scheme=scheme, viewport={"width": int(width), "height": 900}, accept_downloads=True
    )
    visit = Visit(context, f"{server.url}/")
    yield visit
    context.close()
    assert visit.unforeseen() == []


@pytest.fixture
def page(visit: Visit) -> Page:
    expect(visit.page.locator("#write-settings option[value=default]")).to_have_count(1)
    return visit.page


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Of a style in its owner's own letters."""
    file = tmp_path / "kérdés.flac"
    shutil.copy(ROOT / "references" / "default" / "question.flac", file)
    return file
