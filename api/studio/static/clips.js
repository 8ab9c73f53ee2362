// The clips of a new voice: recorded or dropped, each judged by the server, named by its style.

import { judge } from "./api.js";
import { $, attempt, button, clock, el, labelled, say } from "./dom.js";
import { Recorder } from "./recorder.js";
import { verdictList } from "./verdict.js";
import { t } from "./words.js";

const STYLES = ["neutral", "excitement", "question"];
const FIELDS = ["name", "language", "latents"]; // of the form, in which a style is a field, too
let clips = []; // {file, style, judgement}
let recorder = null;
let changed = () => {};

export const fitClips = () => clips.filter(({ judgement }) => judgement && !judgement.faults.length);

// By style. Throws where two have the same, or one that the form cannot tell from its own fields.
export function filesByStyle() {
  const files = {};
  for (const { style, file } of fitClips()) {
    if (FIELDS.includes(style)) throw new Error(t("no-style", style));
    if (Object.hasOwn(files, style)) throw new Error(t("two-styles", style));
    files[style] = file;
  }
  return files;
}

export function clear() {
  clips = [];
  $("clips").replaceChildren();
  changed();
}

async function add(file, style) {
  const clip = { file, style, judgement: null };
  clips.push(clip);
  const verdict = el("div", { role: "status" }, t("listening"));
  const name = el("input", { value: style, maxLength: 64, required: true });
  name.oninput = () => (clip.style = name.value.trim().normalize("NFC"));
  const source = URL.createObjectURL(file);
  const item = el(
    "li",
    {},
    el("div", { className: "row" }, labelled(t("style-name"), name), el("audio", { controls: true, src: source, "aria-label": style }), button("remove", () => remove(clip, item, source))),
    verdict,
  );
  $("clips").append(item);
  changed();
  try {
    clip.judgement = await judge(file);
    verdict.replaceChildren(verdictList(clip.judgement));
  } catch (error) {
    verdict.replaceChildren(el("p", { className: "bad" }, error.message));
  }
  changed();
}

async function remove(clip, item, source) {
  clips = clips.filter((each) => each !== clip);
  URL.revokeObjectURL(source);
  item.remove();
  changed();
}

const nextStyle = () => STYLES.find((style) => !clips.some((clip) => clip.style === style)) ?? `${clips.length + 1}`;
const addFiles = (files) => Promise.all([...files].map((file) => add(file, file.name.replace(/\.[^.]*$/, "").normalize("NFC"))));

async function record() {
  if (recorder) return finish();
  if (!navigator.mediaDevices) throw new Error(t("needs-https"));
  const starting = new Recorder();
  try {
    await starting.start((level) => {
      $("level").value = level;
      $("clock").textContent = clock(starting.seconds);
    });
  } catch {
    throw new Error(t("no-microphone"));
  }
  recorder = starting;
  $("record").textContent = t("stop-recording");
  $("record").setAttribute("aria-pressed", "true");
}

async function finish() {
  const done = recorder;
  recorder = null;
  $("record").textContent = t("record");
  $("record").setAttribute("aria-pressed", "false");
  $("level").value = -60;
  await add(await done.stop(), nextStyle());
}

// `onchange` is called whenever clips come, go or are judged.
export function install(onchange) {
  changed = onchange;
  $("record").onclick = (event) => attempt(event.currentTarget, record);
  $("clips-file").onchange = ({ target }) => {
    addFiles(target.files);
    target.value = "";
  };
  $("drop").ondragover = (event) => event.preventDefault();
  $("drop").ondrop = (event) => {
    event.preventDefault();
    say("");
    addFiles(event.dataTransfer.files);
  };
}
