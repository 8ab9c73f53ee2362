// Puts the page together: its language, its tabs, and what the server is.

import { health } from "./api.js";
import { reload } from "./catalog.js";
import { $, attempt } from "./dom.js";
import * as jobs from "./jobs.js";
import * as piece from "./piece.js";
import * as player from "./player.js";
import * as voices from "./voices.js";
import { chosenLanguage, setLanguage, t, translatePage } from "./words.js";
import * as write from "./write.js";

const LOADING = 2000; // ms between two looks at a model that is loading
const tabs = [...document.querySelectorAll("[role=tab]")];

function choose(tab) {
  for (const each of tabs) {
    const chosen = each === tab;
    each.setAttribute("aria-selected", String(chosen));
    each.tabIndex = chosen ? 0 : -1;
    $(each.getAttribute("aria-controls")).hidden = !chosen;
  }
  history.replaceState(null, "", `${location.pathname}${location.search}#${tab.getAttribute("aria-controls")}`);
}

function byArrows(event) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by) return;
  const next = tabs[(tabs.indexOf(event.target) + by + tabs.length) % tabs.length];
  choose(next);
  next.focus();
}

async function meet() {
  const { status, demo, notice } = await health().catch(() => ({ notice: t("unreachable") }));
  const loading = status === "loading";
  $("notice").hidden = !(loading || demo || notice);
  $("notice").textContent = loading ? t("loading") : demo ? t("demo") : (notice ?? "");
  if (loading || !status) setTimeout(meet, LOADING);
  else await attempt(null, reload);
}

translatePage(chosenLanguage());
$("language").value = document.documentElement.lang;
$("language").onchange = () => setLanguage($("language").value);
for (const tab of tabs) {
  tab.onclick = () => choose(tab);
  tab.onkeydown = byArrows;
}
choose(tabs.find((tab) => `#${tab.getAttribute("aria-controls")}` === location.hash) ?? tabs[0]);
for (const part of [player, write, piece, voices, jobs]) part.install();
meet();
