"""All that the studio does, clicked in a real browser against a real server."""

import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any, get_args

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserType, Page, expect

from api.schemas import OutputFormat
from tests.browser.conftest import KEY, Visit, launch
from tests.nginx import needs_nginx, nginx
from tests.service.server import ROOT, Server

RATE = 24_000
COLOURS = ["cursor", "pause", "played", "wave", "band-even", "band-odd"]
# Which of these colours of the style sheet are in the waveform.
SHOWN = """names => {
  const { width, height } = document.getElementById("wave");
  const { data } = document.getElementById("wave").getContext("2d").getImageData(0, 0, width, height);
  const seen = new Set();
  for (let at = 0; at < data.length; at += 4) seen.add(`rgb(${data[at]}, ${data[at + 1]}, ${data[at + 2]})`);
  const style = getComputedStyle(document.documentElement);
  return names.filter((name) => seen.has(style.getPropertyValue(`--${name}`)));
}"""
TABS = ("write", "piece", "voices", "jobs")


def played(page: Page) -> None:
    """Waits until the player's time moves and the track is whole."""
    expect(page.locator("#position")).to_have_js_property("disabled", False)
    while float(page.locator("#position").input_value()) < 0.15:
        page.wait_for_timeout(50)
    expect(page.locator("#time")).not_to_contain_text("…")


def seconds(page: Page) -> float:
    return float(page.locator("#position").get_attribute("max") or 0)


def downloaded(page: Page, button: str, folder: Path) -> Path:
    with page.expect_download() as coming:
        page.click(button)
    target = folder / coming.value.suggested_filename
    coming.value.save_as(target)
    return target


def decoded(file: Path) -> NDArray[np.float32]:
    """By ffmpeg, at 24 kHz."""
    raw = {".pcm": ("s16le", "24000"), ".mulaw": ("mulaw", "8000"), ".alaw": ("alaw", "8000")}.get(file.suffix)
    read = ["-f", raw[0], "-ar", raw[1]] if raw else []
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        *read,
        "-i",
        str(file),
        "-f",
        "f32le",
        "-ar",
        f"{RATE}",
        "-",
    ]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout, np.float32)


def posted(page: Page) -> list[dict[str, Any]]:
    """The bodies of all that is asked for from now on."""
    bodies: list[dict[str, Any]] = []
    page.on("request", lambda each: bodies.append(json.loads(each.post_data)) if each.method == "POST" else None)
    return bodies


def accessible(page: Page) -> None:
    """By axe's rules, and without scrolling sideways."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_text_is_played_and_downloaded(page: Page, tmp_path: Path) -> None:
    page.fill("#text", "Jó napot!")
    page.click("#write-play")
    played(page)
    page.select_option("#write-download select", "wav")
    file = downloaded(page, "#write-download button", tmp_path)
    assert file.name == "Jó-napot.wav"
    assert soundfile.info(file).duration == pytest.approx(seconds(page), abs=0.05)
    page.click("#toggle")
    page.locator("#position").press("Home")
    page.locator("#position").press("ArrowRight")
    assert float(page.locator("#position").input_value()) == pytest.approx(0.01, abs=0.02)


def test_every_format_is_downloaded(page: Page, tmp_path: Path) -> None:
    page.fill("#text", "Jó napot!")
    page.click("#write-play")
    played(page)
    formats = page.locator("#write-download option").all_inner_texts()
    assert set(formats) == set(get_args(OutputFormat))
    for format in formats:
        page.select_option("#write-download select", format)
        file = downloaded(page, "#write-download button", tmp_path)
        assert file.suffix == f".{format}"
        assert len(decoded(file)) / RATE == pytest.approx(seconds(page), abs=0.2), format
        assert np.abs(decoded(file)).max() > 0.05, format


def test_the_waveform_shows_lines_pauses_and_the_cursor(page: Page) -> None:
    page.click("#tab-piece")
    page.locator("#lines textarea").fill("Egy.")
    page.locator("#lines .short input").fill("1")
    page.click("#line-add")
    page.locator("#lines textarea").nth(1).fill("Két.")
    page.click("#piece-play")
    played(page)
    page.click("#toggle")
    page.locator("#position").evaluate("bar => { bar.value = bar.max / 2; bar.dispatchEvent(new Event('input')); }")
    assert page.evaluate(SHOWN, COLOURS) == COLOURS


def test_another_take_and_a_mix_differ(page: Page) -> None:
    page.fill("#text", "Jó napot!")
    bodies = posted(page)
    page.click("#write-play")
    played(page)
    page.click("#write-again")
    played(page)
    page.locator("#write-settings select").nth(1).select_option(index=4)  # the mix, after three styles
    page.locator("#write-settings .sliders input").first.fill("1")
    page.locator("#write-settings input[type=range]").first.fill("1.5")
    page.click("#write-play")
    played(page)
    assert len({body["seed"] for body in bodies}) == 2
    assert bodies[2]["style"] == {"neutral": 1, "excitement": 0.5, "question": 0.5}
    assert bodies[2]["speed"] == 1.5


def test_a_piece_is_built_played_reordered_and_exported(page: Page, tmp_path: Path) -> None:
    page.click("#tab-piece")
    page.fill("#sample-name", "kérdés 1")
    page.locator("#lines textarea").fill("Egy.")
    page.click("#line-add")
    page.locator("#lines textarea").nth(1).fill("Két.")
    page.locator("#lines input[type=number]").first.fill("1.5")
    page.locator("#lines textarea").nth(1).press("Alt+ArrowUp")
    assert [page.locator("#lines textarea").nth(line).input_value() for line in (0, 1)] == ["Két.", "Egy."]
    page.locator("#lines li").first.locator("button").first.click()  # this line alone
    played(page)
    alone = seconds(page)
    page.click("#piece-play")
    played(page)
    assert seconds(page) > alone
    batch = json.loads(downloaded(page, "#piece-export", tmp_path).read_text())
    (sample,) = batch["samples"]
    assert sample["id"] == "kérdés 1"
    assert [(line["text"], line["pause_after"]) for line in sample["segments"]] == [("Két.", 0.5), ("Egy.", 1.5)]
    page.select_option("#piece-download select", "flac")
    file = downloaded(page, "#piece-download button", tmp_path)
    assert soundfile.info(file).duration == pytest.approx(seconds(page), abs=0.05)


def test_a_line_has_a_voice_of_its_own(page: Page, tmp_path: Path) -> None:
    bodies = posted(page)
    page.click("#tab-piece")
    page.locator("#lines textarea").fill("Egy.")
    page.click("#line-add")
    page.locator("#lines textarea").nth(1).fill("Két.")
    line = page.locator("#lines > li").nth(1)
    line.locator("summary").click()
    line.locator("select").first.select_option("Demo Low")
    line.locator(".settings input").fill("1.5")
    page.click("#piece-play")
    played(page)
    assert [body["segments"][0].get("voice") for body in bodies] == [None, "Demo Low"]
    file = downloaded(page, "#piece-export", tmp_path)
    exported = json.loads(file.read_text())
    assert exported["samples"][0]["segments"][1] == {
        "text": "Két.",
        "pause_after": 0.5,
        "voice": "Demo Low",
        "speed": 1.5,
    }
    line.locator("button").last.click()  # removes it
    expect(page.locator("#lines > li")).to_have_count(1)
    page.set_input_files("#piece-import", file)
    expect(line.locator("select").first).to_have_value("Demo Low")
    assert json.loads(downloaded(page, "#piece-export", tmp_path).read_text()) == exported
    accessible(page)


LONG_LINE = "Egyszer volt, hol nem volt, volt egyszer egy király. " * 4


def test_a_piece_asks_for_each_line_once_as_it_was(visit: Visit, page: Page) -> None:
    visit.expected.add("422")
    bodies = posted(page)
    page.click("#tab-piece")
    texts = page.locator("#lines textarea")
    texts.first.fill(LONG_LINE)
    page.click("#line-add")
    texts.nth(1).fill("a" * 10_001)
    page.click("#piece-play")
    expect(page.locator("#message")).to_contain_text("10001")
    assert len(bodies) == 2
    texts.nth(1).fill("Két.")
    with page.expect_request(lambda each: "Két." in (each.post_data or "")):
        page.click("#piece-play")
    texts.nth(1).fill("")
    texts.nth(1).press_sequentially("Három.")
    page.click("#sample-add")
    played(page)
    assert [body["segments"][0]["text"] for body in bodies[2:]] == ["Két."]  # the first line is here already


def test_stop_gives_up_what_is_still_coming(page: Page) -> None:
    given_up: list[str | None] = []
    page.on("requestfailed", lambda each: given_up.append(each.failure))
    page.fill("#text", LONG_LINE * 40)
    bodies = posted(page)
    page.click("#write-play")
    expect(page.locator("#position")).not_to_have_attribute("max", "0")
    with page.expect_event("requestfailed"):
        page.click("#stop")
    assert given_up == ["net::ERR_ABORTED"]
    expect(page.locator("#position")).to_have_value("0")
    expect(page.locator("#toggle")).to_have_text("▶")
    page.fill("#text", "Jó napot!")
    page.click("#write-play")
    played(page)
    assert len(bodies) == 2


def test_a_batch_file_is_imported(visit: Visit, page: Page, tmp_path: Path) -> None:
    page.click("#tab-piece")
    page.set_input_files("#piece-import", ROOT / "examples" / "input_samples.json")
    expect(page.locator("#sample option")).to_have_count(
        len(json.loads((ROOT / "examples" / "input_samples.json").read_text())["samples"])
    )
    page.select_option("#sample", label="003")
    expect(page.locator("#lines > li")).to_have_count(6)
    (tmp_path / "no.json").write_text("[]")
    page.set_input_files("#piece-import", tmp_path / "no.json")
    expect(page.locator("#message")).not_to_be_empty()
    assert page.locator("#lines > li").count() == 6


BROKEN = [
    {"samples": [{"id": "1", "segments": ["text"]}]},
    {"samples": [{"id": "1", "segments": 5}]},
    {"samples": [None]},
    {"samples": [{"text": "No id."}]},
    {"defaults": None, "samples": [{"id": "1", "text": "Egy."}]},
]


def test_a_file_that_cannot_be_shown_changes_nothing(page: Page, tmp_path: Path) -> None:
    page.click("#tab-piece")
    page.locator("#lines textarea").fill("Egy.")
    page.locator("#lines .short input").fill("1")
    page.locator("#sample-name").fill("mine")
    for broken in BROKEN:
        (tmp_path / "broken.json").write_text(json.dumps(broken))
        page.set_input_files("#piece-import", tmp_path / "broken.json")
        expect(page.locator("#message.fault")).not_to_be_empty()
        page.locator("#message button").click()
        assert page.locator("#lines textarea").input_value() == "Egy."
    page.reload()
    expect(page.locator("#lines textarea")).to_have_value("Egy.")
    page.evaluate("kept => sessionStorage.setItem('xtts-piece', kept)", json.dumps(BROKEN[0]))
    page.reload()
    expect(page.locator("#lines textarea")).to_have_value("")
    expect(page.locator("#write-settings option[value=default]")).to_have_count(1)


def test_lines_and_samples_go_by_buttons(page: Page) -> None:
    page.click("#tab-piece")
    texts, lines = page.locator("#lines textarea"), page.locator("#lines > li")
    texts.fill("Egy.")
    page.click("#line-add")
    texts.nth(1).fill("Két.")
    lines.nth(1).locator("button").nth(1).click()  # up
    assert [each.input_value() for each in texts.all()] == ["Két.", "Egy."]
    lines.nth(0).locator("button").nth(2).click()  # down
    assert [each.input_value() for each in texts.all()] == ["Egy.", "Két."]
    expect(page.locator("#sample-delete")).to_be_disabled()
    page.click("#sample-add")
    expect(page.locator("#sample option")).to_have_count(2)
    expect(texts).to_have_value("")
    page.select_option("#sample", "0")
    expect(texts).to_have_count(2)
    page.select_option("#sample", "1")
    page.click("#sample-delete")
    expect(page.locator("#sample option")).to_have_count(1)
    expect(texts).to_have_count(2)


def test_subtitles_of_a_batch_file_are_for_its_job_alone(page: Page, tmp_path: Path) -> None:
    bodies = posted(page)
    batch = {"defaults": {"subtitles": "srt"}, "samples": [{"id": "1", "text": "Egy."}]}
    (tmp_path / "batch.json").write_text(json.dumps(batch))
    page.click("#tab-piece")
    page.set_input_files("#piece-import", tmp_path / "batch.json")
    expect(page.locator("#lines textarea")).to_have_value("Egy.")
    page.click("#piece-play")
    played(page)
    assert "subtitles" not in bodies[0]
    assert json.loads(downloaded(page, "#piece-export", tmp_path).read_text())["defaults"] == {"subtitles": "srt"}


def test_a_piece_is_a_job_that_is_cancelled_and_made_again(page: Page) -> None:
    page.click("#tab-piece")
    page.locator("#lines textarea").fill("Ezt senki sem várja meg. " * 390)
    page.click("#piece-submit")
    jobs = page.locator("#job-list > li")
    for number in (1, 2):
        expect(jobs).to_have_count(number)
        expect(jobs.first.locator("progress")).to_be_visible()
        jobs.first.locator("button").click()  # cancels it
        expect(jobs.first.locator("button")).to_have_count(2)
        if number == 1:
            jobs.first.locator("button").first.click()  # again


def test_a_look_at_a_job_that_fails_is_repeated(visit: Visit, page: Page) -> None:
    visit.expected.add("503")
    busy = {"error": {"type": "overloaded", "message": "Busy.", "param": None}}
    page.route("**/generate/long/status**", lambda route: route.fulfill(status=503, json=busy), times=1)
    page.click("#tab-jobs")
    page.fill("#long-text", "Jó napot!")
    page.click("#job-submit")
    job = page.locator("#job-list > li")
    expect(job).to_contain_text("Busy.")
    expect(job.locator("progress")).to_be_visible()


def test_a_look_at_the_server_that_fails_is_repeated(visit: Visit, page: Page) -> None:
    visit.expected.add("ERR_FAILED")
    page.route("**/health", lambda route: route.abort(), times=1)
    page.reload()
    expect(page.locator("#write-settings option[value=default]")).to_have_count(1)


def test_a_language_is_chosen_and_the_wave_is_clicked(page: Page) -> None:
    bodies = posted(page)
    page.fill("#text", "Guten Tag!")
    page.locator("#write-settings select").nth(2).select_option("de")
    page.click("#write-play")
    played(page)
    assert bodies[0]["language"] == "de"
    page.click("#stop")
    expect(page.locator("#position")).to_have_value("0")
    wave = page.locator("#wave")
    wave.click(position={"x": wave.evaluate("canvas => canvas.clientWidth") / 2, "y": 20})
    at = float(page.locator("#position").input_value())
    assert at == pytest.approx(seconds(page) / 2, abs=0.1)


def test_a_style_is_no_field_of_the_form(page: Page, tmp_path: Path) -> None:
    shutil.copy(ROOT / "references" / "default" / "neutral.flac", tmp_path / "name.flac")
    page.click("#tab-voices")
    page.set_input_files("#clips-file", tmp_path / "name.flac")
    expect(page.locator("#clips p.good")).to_have_count(1)
    page.fill("#voice-name", "Éva")
    page.click("#voice-save")
    expect(page.locator("#message.fault")).to_contain_text("name")
    expect(page.locator("#voice-list > li", has_text="Éva")).to_have_count(0)


def test_the_microphone_is_let_go_where_recording_fails(page: Page) -> None:
    page.evaluate(
        """() => {
          const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
          navigator.mediaDevices.getUserMedia = async (wanted) => (window.given = await ask(wanted));
          AudioWorklet.prototype.addModule = () => Promise.reject(new Error("no worklet"));
        }"""
    )
    page.click("#tab-voices")
    page.click("#record")
    expect(page.locator("#message.fault")).not_to_be_empty()
    assert page.evaluate("given.getTracks().map((track) => track.readyState)") == ["ended"]


def test_a_voice_is_judged_saved_played_and_deleted(page: Page, clip: Path) -> None:
    page.click("#tab-voices")
    page.set_input_files("#clips-file", [clip, ROOT / "references" / "default" / "neutral.flac"])
    expect(page.locator("#clips .verdict li")).to_have_count(10)
    assert [style.input_value() for style in page.locator("#clips input").all()] == ["kérdés", "neutral"]
    expect(page.locator("#voice-save")).to_be_disabled()
    page.fill("#voice-name", "Éva")
    page.click("#voice-save")
    card = page.locator("#voice-list > li", has_text="Éva")
    expect(card).to_contain_text("kérdés, neutral")
    accessible(page)
    card.locator("button").first.click()
    played(page)
    page.click("#tab-write")
    page.locator("#write-settings select").first.select_option("Éva")
    page.locator("#write-settings select").nth(1).select_option("kérdés")
    page.fill("#text", "Szia!")
    page.click("#write-play")
    played(page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("#tab-voices")
    card.locator("button").nth(1).click()
    expect(card).to_have_count(0)


def test_a_clip_is_dropped(page: Page) -> None:
    page.click("#tab-voices")
    content = list((ROOT / "references" / "default" / "neutral.flac").read_bytes())
    dropped = page.evaluate_handle(
        """bytes => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "öröm.flac", {type: "audio/flac"}));
          return data;
        }""",
        content,
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": dropped})
    expect(page.locator("#clips p.good")).to_have_count(1)
    assert page.locator("#clips input").input_value() == "öröm"


def test_a_recording_that_is_no_speech_is_told_apart(page: Page) -> None:
    page.click("#tab-voices")
    page.click("#record")
    expect(page.locator("#clock")).to_have_text(re.compile("0:0[2-9]"))
    page.click("#record")
    expect(page.locator("#clips p.bad")).to_have_count(1)
    expect(page.locator("#voice-save")).to_be_disabled()
    page.locator("#clips button").click()
    expect(page.locator("#clips > li")).to_have_count(0)


def test_speech_that_is_recorded_becomes_a_voice(chromium: BrowserType, server: Server, tmp_path: Path) -> None:
    samples, rate = soundfile.read(ROOT / "references" / "default" / "neutral.flac")
    soundfile.write(tmp_path / "microphone.wav", samples, rate, "PCM_16")
    browser = launch(chromium, f"--use-file-for-fake-audio-capture={tmp_path}/microphone.wav")
    visit = Visit(browser.new_context(locale="en-GB"), f"{server.url}/")
    page = visit.page
    page.click("#tab-voices")
    page.click("#record")
    expect(page.locator("#clock")).to_have_text(re.compile("0:0[8-9]"))
    page.click("#record")
    expect(page.locator("#clips p.good")).to_have_count(1)
    page.fill("#voice-name", "Saját hang")
    page.click("#voice-save")
    card = page.locator("#voice-list > li", has_text="Saját hang")
    card.locator("button").first.click()
    played(page)
    page.on("dialog", lambda dialog: dialog.accept())
    card.locator("button").nth(1).click()
    expect(card).to_have_count(0)
    browser.close()
    assert visit.unforeseen() == []


def test_a_long_job_is_followed_and_fetched(page: Page, tmp_path: Path) -> None:
    page.click("#tab-jobs")
    page.fill("#long-text", "Jó napot!\n\nViszlát!")
    page.click("#job-submit")
    expect(page.locator("#job-list button").first).to_be_visible()
    page.reload()  # the list is the browser's
    ready = (
        page.locator("#job-list > li", has_text="Jó napot!")
        .locator("button", has_text="ownload")
        .or_(page.locator("#job-list button", has_text="Letöltés"))
    )
    expect(ready).to_have_count(1)
    expect(page.locator("#job-list progress").first).to_have_js_property("value", 2)
    accessible(page)
    with page.expect_download() as coming:
        ready.click()
    coming.value.save_as(tmp_path / "speech.zip")
    assert len(zipfile.ZipFile(tmp_path / "speech.zip").namelist()) == 2


def test_a_long_job_is_cancelled_and_forgotten(page: Page) -> None:
    page.click("#tab-jobs")
    page.fill("#long-text", "Ezt senki sem várja meg. " * 390)
    page.click("#job-submit")
    job = page.locator("#job-list > li", has_text="senki")
    expect(job.locator("progress")).to_have_count(1)
    job.locator("button").click()  # cancels it
    expect(job.locator("button")).to_have_count(2)  # again, or forget it
    job.locator("button").last.click()
    expect(job).to_have_count(0)


def test_what_the_server_refuses_is_shown(visit: Visit, page: Page) -> None:
    visit.expected.add("422")
    page.fill("#text", "a" * 10_001)
    page.click("#write-play")
    expect(page.locator("#message")).to_contain_text("10001")


@pytest.mark.parametrize("tab", TABS)
def test_nothing_is_out_of_reach(page: Page, tab: str) -> None:
    page.click(f"#tab-{tab}")
    accessible(page)


def test_light_and_dark_are_the_browsers(page: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    shown = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        shown.add(page.evaluate(ground))
    assert shown == {"rgb(246, 247, 248)", "rgb(20, 24, 27)"}


def test_the_tabs_go_by_keys(page: Page) -> None:
    page.locator("#tab-write").press("ArrowRight")
    expect(page.locator("#piece")).to_be_visible()
    page.locator("#tab-piece").press("ArrowLeft")
    expect(page.locator("#write")).to_be_visible()
    page.fill("#text", "Szia!")
    page.locator("#text").press("Control+Enter")
    played(page)


@needs_nginx
def test_it_plays_behind_a_prefix(browser: Browser, server: Server, tmp_path: Path) -> None:
    with nginx(tmp_path, server.url) as url:
        visit = Visit(browser.new_context(locale="en-GB"), f"{url}/speech/")
        visit.page.fill("#text", "Jó napot!")
        visit.page.click("#write-play")
        played(visit.page)
        visit.page.click("nav a")
        expect(visit.page.locator("[id$=simple_generate_simple_post]")).to_have_count(1)
        assert visit.page.url == f"{url}/speech/docs"
        visit.page.context.close()
        assert visit.unforeseen() == []


def test_a_key_is_asked_for_once(browser: Browser, server: Server) -> None:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(f"{server.url}/")
    page.fill("#key", "wrong")
    page.click("#key-ok")
    expect(page.locator("#key-wrong")).to_be_visible()
    accessible(page)
    page.fill("#key", KEY)
    page.locator("#key").press("Enter")
    expect(page.locator("#write-settings option[value=default]")).to_have_count(1)
    page.reload()
    expect(page.locator("#write-settings option[value=default]")).to_have_count(1)
    assert not page.locator("#key-dialog").is_visible()
    context.close()


def test_no_key_and_none_that_a_header_can_carry(browser: Browser, server: Server) -> None:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(f"{server.url}/")
    page.fill("#key", "kulcső")
    page.click("#key-ok")
    expect(page.locator("#key-wrong")).to_contain_text("ASCII")
    page.click("#key-cancel")
    expect(page.locator("#key-dialog")).not_to_be_visible()
    expect(page.locator("#message.fault")).to_contain_text("key")
    assert page.evaluate("sessionStorage.getItem('xtts-key')") is None
    context.close()


def test_the_language_is_chosen_by_hand_too(page: Page) -> None:
    other = {"en": "hu", "hu": "en"}[page.evaluate("document.documentElement.lang")]
    page.select_option("#language", other)
    expect(page.locator("html")).to_have_attribute("lang", other)
    expect(page.locator("#tab-write")).to_have_text({"en": "Write", "hu": "Írás"}[other])


def test_the_api_page_plays_what_it_gets(page: Page, tmp_path: Path) -> None:
    answer = page.goto(page.url.split("#")[0] + "docs")
    assert answer is not None
    assert "unsafe" not in answer.headers["content-security-policy"]  # what breaks it is an error in the console
    assert page.locator(".servers").count() == 0
    page.click(".authorize")
    page.locator(".auth-container input").first.fill(KEY)
    page.locator(".auth-btn-wrapper .authorize").first.click()
    page.locator(".auth-btn-wrapper .btn-done").first.click()
    operation = page.locator("[id$=simple_generate_simple_post]")
    operation.locator(".opblock-summary-control").click()
    operation.locator(".try-out__btn").click()
    operation.locator(".execute").click()
    link = operation.locator(".response a[download]")
    expect(link).to_have_attribute("download", "speech.mp3")
    with page.expect_download() as coming:
        link.click()
    coming.value.save_as(tmp_path / "speech.mp3")
    assert len(decoded(tmp_path / "speech.mp3")) > RATE / 4
    upload = page.locator("[id$=upload_voice_voices_post]")
    upload.locator(".opblock-summary-control").click()
    upload.locator(".try-out__btn").click()
    assert upload.locator("input[type=file]").count() >= 2
