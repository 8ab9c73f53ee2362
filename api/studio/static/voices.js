// The voices of the server: a new one out of clips; play, see and delete those that are there.

import { deleteVoice, saveVoice } from "./api.js";
import { catalog, languageName, onCatalog, reload } from "./catalog.js";
import * as clips from "./clips.js";
import { $, attempt, el, options, say } from "./dom.js";
import { play } from "./player.js";
import { Take } from "./take.js";
import { t } from "./words.js";

const ready = () => ($("voice-save").disabled = !clips.fitClips().length || !$("voice-name").value.trim());

async function save() {
  const name = $("voice-name").value.trim().normalize("NFC");
  const language = $("voice-language").value;
  const saved = await saveVoice({ name, ...(language && { language }), ...clips.filesByStyle() });
  clips.clear();
  $("voice-name").value = "";
  ready();
  await reload();
  say(t("saved-voice", saved.name), "done");
}

function card(voice) {
  const styles = Object.keys(voice.styles).join(", ") || t("no-styles");
  const about = [t(`kind-${voice.kind}`), voice.language && languageName(voice.language), styles].filter(Boolean).join(" · ");
  const body = { text: t("try-text"), voice: voice.name, language: document.documentElement.lang };
  const listen = () => play(voice.name, [{ label: "", take: taken(new Take(body)) }]);
  const act = (sign, word, action) => el("button", { type: "button", "aria-label": t(word, voice.name), onclick: (event) => attempt(event.currentTarget, action) }, sign);
  const remove = async () => {
    if (!confirm(t("sure-voice", voice.name))) return;
    await deleteVoice(voice.name);
    await reload();
  };
  const buttons = [act("▶", "play-voice", listen), ...(voice.kind === "uploaded" ? [act(t("delete"), "delete-voice", remove)] : [])];
  const warnings = voice.warnings.map((each) => el("li", {}, each));
  return el(
    "li",
    {},
    el("div", { className: "row" }, el("strong", {}, voice.name), ...buttons),
    el("p", { className: "quiet" }, about),
    ...(warnings.length ? [el("ul", { className: "quiet" }, ...warnings)] : []),
  );
}

const taken = (take) => () => take;

export function install() {
  clips.install(ready);
  $("voice-name").oninput = ready;
  $("voice-save").onclick = (event) => attempt(event.currentTarget, save);
  onCatalog(() => {
    const own = catalog.languages.map((code) => [code, languageName(code)]);
    options($("voice-language"), [["", "–"], ...own], document.documentElement.lang);
    const broken = catalog.broken.map((fault) => el("li", { className: "bad" }, fault));
    $("voice-list").replaceChildren(...catalog.voices.map(card), ...broken);
  });
}
