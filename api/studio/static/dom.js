// What every part of the page uses to make elements, and to say what went wrong.

import { t } from "./words.js";

export const $ = (id) => document.getElementById(id);

export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

export const labelled = (text, control, kind = "") => el("label", { className: kind }, el("span", {}, text), control);

export function button(word, action, properties = {}) {
  return el("button", { type: "button", onclick: (event) => attempt(event.currentTarget, action), ...properties }, t(word));
}

export function options(select, entries, chosen) {
  select.replaceChildren(...entries.map(([value, text]) => el("option", { value }, text)));
  if (entries.some(([value]) => value === chosen)) select.value = chosen;
  return select;
}

export function say(text, kind = "fault") {
  const message = $("message");
  message.className = kind;
  message.replaceChildren();
  if (text) message.append(el("span", {}, text), el("button", { type: "button", "aria-label": t("close"), onclick: () => say("") }, "×"));
}

// Runs what a button does: not twice at a time, and with its failure shown.
export async function attempt(control, action) {
  if (control?.getAttribute("aria-busy") === "true") return;
  control?.setAttribute("aria-busy", "true");
  say("");
  try {
    await action();
  } catch (error) {
    if (error.name !== "AbortError") say(error.message);
  } finally {
    control?.removeAttribute("aria-busy");
  }
}

export function offer(blob, name) {
  const url = URL.createObjectURL(blob);
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

export function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export const number = (value, digits = 1) =>
  value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: digits });
