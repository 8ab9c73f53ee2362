// Pieces: samples of lines. They are kept in this tab, played line after line, and are batch files for others.

import { seed, submitJob } from "./api.js";
import { bodyOf, emptyLine, emptySample, formatBatch, parseBatch } from "./batch.js";
import { $, attempt, offer, options } from "./dom.js";
import { downloads, nameOf } from "./download.js";
import { watch } from "./jobs.js";
import { lineItem } from "./line.js";
import { play } from "./player.js";
import { Settings } from "./settings.js";
import { Take } from "./take.js";
import { t } from "./words.js";

const KEPT = "xtts-piece";
const mine = seed(); // one for all that is played here, so that the file is what was played
const takes = new Map(); // by their bodies, as JSON
let batch = { defaults: {}, samples: [] };
let at = 0; // the sample shown
let settings;

const sample = () => batch.samples[at];
const spoken = () => sample().segments.filter((line) => line.text.trim());
const keep = () => sessionStorage.setItem(KEPT, JSON.stringify(batch));

function body(lines) {
  if (!lines.length) throw new Error(t("no-text"));
  return { seed: mine, ...bodyOf(batch, sample(), lines) };
}

function takeOf(wanted) {
  if (!takes.has(wanted) || takes.get(wanted).failed) takes.set(wanted, new Take(JSON.parse(wanted)));
  return takes.get(wanted);
}

function playLines(lines) {
  body(lines);
  const entries = lines.map((line) => {
    const number = sample().segments.indexOf(line) + 1;
    const wanted = JSON.stringify(body([line])); // as it is now: what is changed while it plays is for the next time
    return { label: String(number), pause: line.pause_after, take: () => takeOf(wanted) };
  });
  return play(lines.length > 1 ? sample().id : lines[0].text.slice(0, 200), entries);
}

function showNames() {
  options($("sample"), batch.samples.map(({ id }, index) => [String(index), id]), String(at));
  $("sample-name").value = sample().id;
  $("sample-delete").disabled = batch.samples.length < 2;
}

function show() {
  showNames();
  settings.values = { ...batch.defaults, ...sample() };
  showLines();
}

function showLines() {
  const { segments } = sample();
  const items = segments.map((line, index) =>
    lineItem(line, index + 1, {
      changed: keep,
      play: (event) => attempt(event.currentTarget, () => playLines([line])),
      move: (by) => move(index, by),
      remove: () => {
        segments.splice(index, 1);
        if (!segments.length) segments.push(emptyLine());
        keep();
        showLines();
      },
    }),
  );
  $("lines").replaceChildren(...items);
}

function move(from, by) {
  const { segments } = sample();
  const to = from + by;
  if (to < 0 || to >= segments.length) return;
  segments.splice(to, 0, ...segments.splice(from, 1));
  keep();
  showLines();
  $("lines").children[to].querySelector("textarea").focus();
}

function add() {
  sample().segments.push(emptyLine());
  keep();
  showLines();
  $("lines").lastChild.querySelector("textarea").focus();
}

function choose(index) {
  at = Math.max(0, Math.min(index, batch.samples.length - 1));
  show();
  keep();
}

// What was kept, unless it cannot be shown.
function restore() {
  try {
    batch = parseBatch(sessionStorage.getItem(KEPT));
    show();
  } catch {
    batch = { defaults: {}, samples: [emptySample(1)] };
    show();
  }
}

async function submit() {
  const { task_id } = await submitJob(batch);
  watch(task_id, batch.samples.map(({ id }) => id).join(", "));
  $("tab-jobs").click();
}

export function install() {
  settings = new Settings($("piece-settings"), {
    changed: () => {
      for (const name of ["voice", "style", "language", "speed"]) delete sample()[name];
      Object.assign(sample(), settings.values);
      keep();
    },
  });
  $("sample").onchange = () => choose(Number($("sample").value));
  $("sample-name").onchange = () => {
    sample().id = $("sample-name").value.trim().normalize("NFC") || sample().id;
    keep();
    showNames(); // the lines stay: the focus may just be on its way to one
  };
  $("sample-add").onclick = () => choose(batch.samples.push(emptySample(batch.samples.length + 1)) - 1);
  $("sample-delete").onclick = () => {
    batch.samples.splice(at, 1);
    choose(at);
  };
  $("line-add").onclick = add;
  $("piece-play").onclick = () => attempt(null, () => playLines(spoken()));
  downloads($("piece-download"), () => ({ name: nameOf(sample().id), body: body(spoken()) }));
  $("piece-import").onchange = ({ target }) =>
    attempt(null, async () => {
      const text = await target.files[0].text();
      target.value = ""; // so that the same file can be chosen again, mended
      batch = parseBatch(text);
      choose(0);
    });
  $("piece-export").onclick = () => offer(new Blob([formatBatch(batch)], { type: "application/json" }), "batch.json");
  $("piece-submit").onclick = (event) => attempt(event.currentTarget, submit);
  restore();
}
