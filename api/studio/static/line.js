// One line of a piece on the page: its text, pause, place, and what it has of its own.

import { el, labelled } from "./dom.js";
import { Settings } from "./settings.js";
import { t } from "./words.js";

const OWN = ["voice", "style", "language", "speed"];

// `line` is changed in place. `actions`: changed(), play(), move(by), remove().
export function lineItem(line, number, actions) {
  const text = el("textarea", { rows: 2, value: line.text, "aria-label": t("line-text", number), onkeydown: moveByKeys });
  text.oninput = () => change({ text: text.value });
  const pause = el("input", { type: "number", min: 0, max: 60, step: 0.1, value: line.pause_after ?? 0 });
  pause.onchange = () => change({ pause_after: Math.min(60, Math.max(0, Number(pause.value) || 0)) });
  const own = el("div", { className: "settings" });
  const details = el("details", { open: OWN.some((name) => name in line) }, el("summary", {}, t("more")), own);
  const settings = new Settings(own, {
    ofLine: true,
    changed: () => {
      for (const name of OWN) delete line[name];
      change(settings.values);
    },
  });
  settings.values = line;

  function change(values) {
    Object.assign(line, values);
    actions.changed();
  }

  function moveByKeys(event) {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!event.altKey || !by) return;
    event.preventDefault();
    actions.move(by);
  }

  const small = (sign, word, action) => el("button", { type: "button", "aria-label": `${t(word)}: ${t("line", number)}`, title: t(word), onclick: action }, sign);
  return el(
    "li",
    {},
    text,
    el(
      "div",
      { className: "row" },
      small("▶", "play-line", actions.play),
      labelled(t("pause-after"), pause, "short"),
      small("↑", "up", () => actions.move(-1)),
      small("↓", "down", () => actions.move(1)),
      small("×", "remove", actions.remove),
    ),
    details,
  );
}
