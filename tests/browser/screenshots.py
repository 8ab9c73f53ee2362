"""`make screenshots`: the pictures of docs/studio.md, taken of a real server with the demo voice."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, expect, sync_playwright

from tests.service.server import ROOT, serving

PICTURES = ROOT / "docs" / "images"
LINES = ("Melyik nagy költőnk írta a Szózatot?", "Kölcsey Ferenc.", "Vörösmarty Mihály.")


def played(page: Page) -> None:
    expect(page.locator("#time")).not_to_have_text("0:00 / 0:00")
    expect(page.locator("#time")).not_to_contain_text("…")
    page.locator("#stop").click()
    page.locator("#position").evaluate("bar => { bar.value = bar.max * .6; bar.dispatchEvent(new Event('input')); }")


def write(page: Page) -> None:
    page.fill("#text", "Once upon a time, there was a king. He had three sons, and each was wiser than the one before.")
    page.locator("#write-settings select").nth(1).select_option(index=4)  # the mix, after three styles
    page.locator("#write-settings .sliders input").nth(2).fill("0.9")
    page.click("#write-play")
    played(page)


def piece(page: Page) -> None:
    page.click("#tab-piece")
    page.fill("#sample-name", "kérdés 1")
    for number, text in enumerate(LINES):
        if number:
            page.click("#line-add")
        page.locator("#lines textarea").nth(number).fill(text)
    page.click("#piece-play")
    played(page)


def voices(page: Page) -> None:
    page.click("#tab-voices")
    page.fill("#voice-name", "Éva")
    page.set_input_files("#clips-file", ROOT / "references" / "default" / "question.flac")
    expect(page.locator("#clips .verdict li")).to_have_count(5)


def picture(page: Page, file: Path) -> None:
    """From the header on; the window is made as high as the page, so that the player hides nothing."""
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    width = page.viewport_size["width"]
    page.set_viewport_size({"width": width, "height": 100})
    page.set_viewport_size({"width": width, "height": page.evaluate("document.documentElement.scrollHeight")})
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(500)  # the waveform is drawn anew
    page.screenshot(path=file)


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    expect.set_options(timeout=120_000)
    environ = {"XTTS_MODEL": "demo", "XTTS_VOICES_DIR": str(ROOT / "references")}
    with TemporaryDirectory() as folder, serving(Path(folder), environ) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for act, locale, scheme, width in (
            (write, "en-GB", "light", 1000),
            (piece, "en-GB", "light", 1000),
            (voices, "hu-HU", "dark", 400),
        ):
            context = browser.new_context(locale=locale, color_scheme=scheme, viewport={"width": width, "height": 900})
            page = context.new_page()
            page.goto(f"{server.url}/")
            expect(page.locator("#write-settings option[value=default]")).to_have_count(1)
            act(page)
            picture(page, PICTURES / f"studio-{act.__name__}.png")
        browser.close()


if __name__ == "__main__":
    main()
