// The server's routes. URLs are relative to the page, so that it works behind any prefix.

import { $ } from "./dom.js";
import { t } from "./words.js";

const KEY = "xtts-key";
const VISIBLE = /^[!-~]+$/; // what a header carries
export const FORMATS = ["mp3", "wav", "flac", "opus", "aac", "pcm", "mulaw", "alaw"];
export const seed = () => crypto.getRandomValues(new Uint32Array(1))[0];

let asking = null;

// A promise of the key: one dialog, however many requests were refused.
function askForKey(wrong) {
  asking ??= new Promise((resolve, reject) => {
    const dialog = $("key-dialog");
    const tell = (word) => {
      $("key-wrong").textContent = t(word);
      $("key-wrong").hidden = false;
    };
    const accept = () => (VISIBLE.test($("key").value.trim()) ? dialog.close("ok") : tell("key-letters"));
    $("key-wrong").hidden = true;
    if (wrong) tell("key-wrong");
    $("key").value = "";
    $("key-ok").onclick = accept;
    $("key-cancel").onclick = () => dialog.close("");
    $("key-form").onsubmit = (event) => {
      event.preventDefault();
      accept();
    };
    dialog.returnValue = "";
    dialog.onclose = () => {
      asking = null;
      if (dialog.returnValue !== "ok") return reject(Object.assign(new Error(t("key-needed")), { status: 401 }));
      sessionStorage.setItem(KEY, $("key").value.trim());
      resolve();
    };
    dialog.showModal();
  });
  return asking;
}

async function send(path, request = {}) {
  for (;;) {
    const key = sessionStorage.getItem(KEY);
    const response = await fetch(`./${path}`, {
      ...request,
      headers: { ...request.headers, ...(key ? { "X-API-Key": key } : {}) },
    }).catch((error) => {
      throw error.name === "AbortError" ? error : new Error(t("unreachable"));
    });
    if (response.status !== 401) return whole(response);
    if (sessionStorage.getItem(KEY) === key) await askForKey(Boolean(key));
  }
}

async function whole(response) {
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({ error: { message: `${response.status} ${response.statusText}` } }));
  const told = error.param && !error.message.includes(error.param) ? `${error.param}: ${error.message}` : error.message;
  throw Object.assign(new Error(told), { status: response.status });
}

const post = (path, body, signal) =>
  send(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" }, signal });
const json = async (path, request) => (await send(path, request)).json();

export const health = async () => (await fetch("./health")).json();
export const voices = () => json("voices");
export const judge = (clip) => json("voices/judge", { method: "POST", body: form({ clip }) });
export const saveVoice = (fields) => json("voices", { method: "POST", body: form(fields) });
export const deleteVoice = (name) => send(`voices/${encodeURIComponent(name)}`, { method: "DELETE" });
export const stream = (body, signal) => post("generate/stream", { ...body, output_format: "pcm" }, signal);
export const file = async (body) => (await post(body.segments ? "generate/segmented" : "generate/simple", body)).blob();

export const submitJob = async (body) => (await post("generate/long/submit", body)).json();
export const jobStatus = (id) => json(`generate/long/status?task_id=${id}`);
export const jobResult = async (id) => (await send(`generate/long/get?task_id=${id}`)).blob();
export const cancelJob = (id) => json(`generate/long/cancel?task_id=${id}`, { method: "PUT" });
export const retryJob = (id) => json(`generate/long/retry?task_id=${id}`, { method: "POST" });

function form(fields) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Blob) data.append(name, value, value.name ?? "clip.wav");
    else data.append(name, value);
  }
  return data;
}
