// Long jobs: submit one, see how far each is, fetch the zip. The list is this browser's; the jobs are the server's.

import { cancelJob, FORMATS, jobResult, jobStatus, retryJob, submitJob } from "./api.js";
import { $, attempt, button, el, offer, options } from "./dom.js";
import { Settings } from "./settings.js";
import { t } from "./words.js";

const KEPT = "xtts-jobs";
const SOON = 2000; // ms from the first look at a job to the second; each later one takes longer,
const SELDOM = 15_000; // up to this,
const FAILED = 4; // and so many times as long after one that failed
const GOING = ["pending", "in_progress"];
const known = JSON.parse(localStorage.getItem(KEPT)) ?? []; // {id, title}
const items = new Map(); // by id
const timers = new Map(); // of the next looks, by id
let settings;

const keep = () => localStorage.setItem(KEPT, JSON.stringify(known));

// Puts a job that was submitted on the list.
export function watch(id, title) {
  known.unshift({ id, title: title.slice(0, 80) });
  keep();
  follow(known[0], true);
}

async function submit() {
  const text = $("long-text").value;
  if (!text.trim()) throw new Error(t("no-text"));
  const defaults = { output_format: $("job-format").value, ...settings.values };
  const { task_id } = await submitJob({ defaults, samples: [{ id: t("new-sample"), text }] });
  watch(task_id, text.trim());
}

function follow(job, first = false) {
  const item = el("li", {}, el("strong", {}, job.title), el("div", { className: "row" }));
  items.set(job.id, item);
  if (first) $("job-list").prepend(item);
  else $("job-list").append(item);
  look(job);
}

function lookAgain(job, wait, times = 1) {
  clearTimeout(timers.get(job.id));
  if (items.has(job.id)) timers.set(job.id, setTimeout(() => look(job, Math.min(1.5 * wait, SELDOM)), times * wait));
}

async function look(job, wait = SOON) {
  let status;
  try {
    status = await jobStatus(job.id);
  } catch (error) {
    const lost = error.status === 404;
    shown(job, el("span", {}, lost ? `${t("job-lost")}: ${error.message}` : error.message), [button("forget", () => forget(job))]);
    if (!lost && error.status !== 401) lookAgain(job, wait, FAILED); // who gave no key is not asked again
    return;
  }
  const { done, failed, passages, passages_done } = status.progress;
  const total = passages || status.progress.total;
  const over = passages ? passages_done : done + failed;
  const bar = el("progress", { max: total, value: over, "aria-label": t("progress", over, total) });
  const state = el("span", {}, `${t(`job-${status.status}`)}, ${t("progress", over, total)} ${status.error ?? ""}`);
  if (GOING.includes(status.status)) {
    const cancel = async () => {
      await cancelJob(job.id);
      await look(job);
    };
    shown(job, state, [bar, button("cancel", cancel)]);
    return lookAgain(job, wait);
  }
  const fetchIt = button("download", async () => offer(await jobResult(job.id), "speech.zip"));
  const again = button("retry", async () => watch((await retryJob(job.id)).task_id, job.title));
  const whole = status.status === "completed";
  shown(job, state, [...(whole ? [bar, fetchIt] : [again]), button("forget", () => forget(job))]);
}

// Only what differs is replaced: a button that has the focus keeps it.
function shown(job, state, controls) {
  const row = items.get(job.id)?.lastChild;
  if (!row) return;
  const kinds = (nodes) => [...nodes].map((node) => node.tagName + node.textContent).join();
  if (row.children.length > 1 && kinds([...row.children].slice(1)) === kinds(controls)) {
    row.firstChild.textContent = state.textContent;
    const bar = row.querySelector("progress");
    if (bar) for (const name of ["max", "value"]) bar[name] = controls.find((each) => each.tagName === "PROGRESS")[name];
    return;
  }
  row.replaceChildren(state, ...controls);
}

async function forget(job) {
  known.splice(known.indexOf(job), 1);
  keep();
  items.get(job.id).remove();
  items.delete(job.id);
}

export function install() {
  settings = new Settings($("job-settings"));
  options($("job-format"), FORMATS.map((each) => [each, each]), "mp3");
  $("job-submit").onclick = (event) => attempt(event.currentTarget, submit);
  for (const job of known) follow(job);
}
