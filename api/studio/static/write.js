// One text: play it while it comes, take it again with another seed, download it.

import { seed } from "./api.js";
import { $, attempt } from "./dom.js";
import { downloads, nameOf } from "./download.js";
import { play } from "./player.js";
import { Settings } from "./settings.js";
import { Take } from "./take.js";
import { t } from "./words.js";

const KEPT = "xtts-text";
let settings;
let mine = seed(); // kept, so that what is downloaded is what was played
let take = null;
let asked = "";

function body() {
  const text = $("text").value;
  if (!text.trim()) throw new Error(t("no-text"));
  return { text, seed: mine, ...settings.values };
}

async function start() {
  const wanted = body();
  if (!take || take.failed || asked !== JSON.stringify(wanted)) {
    take = new Take(wanted);
    asked = JSON.stringify(wanted);
  }
  const current = take;
  await play(wanted.text.trim().slice(0, 200), [{ label: "", take: () => current }]);
}

export function install() {
  settings = new Settings($("write-settings"));
  $("text").value = sessionStorage.getItem(KEPT) ?? "";
  $("text").oninput = () => sessionStorage.setItem(KEPT, $("text").value);
  $("text").onkeydown = (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && attempt(null, start);
  $("write-play").onclick = () => attempt(null, start);
  $("write-again").onclick = () => {
    mine = seed();
    attempt(null, start);
  };
  downloads($("write-download"), () => ({ name: nameOf($("text").value), body: body() }));
}
