// The controls of a request's voice, style, language and speed; also those of a line, where each may be left open.

import { catalog, languageName, onCatalog, voiceNamed } from "./catalog.js";
import { el, labelled, number, options } from "./dom.js";
import { t } from "./words.js";

const MIX = "\0mix"; // no style's name

export class Settings {
  #voice = el("select", { onchange: () => this.#voiceChanged() });
  #style = el("select", { onchange: () => this.#styleChanged() });
  #sliders = el("div", { className: "sliders", hidden: true });
  #language = el("select", { onchange: () => this.#languageChanged() });
  #speed;
  #wanted = {};

  // `ofLine`: what is left open is the piece's. `changed` is called after every change by hand.
  constructor(container, { ofLine = false, changed = () => {} } = {}) {
    this.ofLine = ofLine;
    this.#changed = changed;
    this.#speed = ofLine
      ? el("input", { type: "number", min: 0.25, max: 4, step: 0.05, onchange: () => this.#lineSpeedChanged() })
      : el("input", { type: "range", min: 0.5, max: 2, step: 0.05, value: 1, oninput: () => this.#speedChanged() });
    this.speedShown = el("output", {}, "1×");
    const speed = labelled(t("speed"), this.#speed);
    if (!ofLine) speed.firstChild.append(" ", this.speedShown);
    container.append(labelled(t("voice"), this.#voice), labelled(t("style"), this.#style), labelled(t("language"), this.#language), speed, this.#sliders);
    onCatalog(() => this.#fill());
  }

  #changed;

  // The fields of a body; those left open are not there.
  get values() {
    const { voice, style, language, speed } = this.#wanted;
    return { ...(voice && { voice }), ...(style && { style }), ...(language && { language }), ...(speed && { speed }) };
  }

  set values({ voice, style, language, speed }) {
    this.#wanted = { voice, style, language, speed };
    this.#fill();
  }

  #fill() {
    const { voice, language, speed } = this.#wanted;
    const names = catalog.voices.map(({ name }) => [name, name]);
    if (voice && !voiceNamed(voice)) names.push([voice, `${voice} ?`]);
    options(this.#voice, this.ofLine ? [["", t("as-piece")], ...names] : names, voice ?? (this.ofLine ? "" : "default"));
    if (!this.ofLine) this.#wanted.voice = this.#voice.value || voice;
    const codes = [...catalog.languages.map((code) => [code, languageName(code)])];
    if (language && language !== "auto" && !catalog.languages.includes(language)) codes.push([language, language]);
    const open = this.ofLine ? t("as-piece") : t("voices-language");
    options(this.#language, [["", open], ["auto", t("auto")], ...codes], language ?? "");
    this.#speed.value = speed ?? (this.ofLine ? "" : 1);
    this.speedShown.textContent = `${number(Number(speed ?? 1), 2)}×`;
    this.#fillStyles();
  }

  #fillStyles() {
    const { style } = this.#wanted;
    const styles = Object.keys(voiceNamed(this.#wanted.voice)?.styles ?? {});
    const mixed = typeof style === "object" && style !== null;
    const open = this.ofLine ? t("as-piece") : t("own-blend");
    const entries = [["", open], ...styles.map((name) => [name, name]), ...(styles.length > 1 ? [[MIX, t("mix")]] : [])];
    options(this.#style, entries, mixed ? MIX : (style ?? ""));
    this.#sliders.hidden = !mixed;
    this.#sliders.replaceChildren(...(mixed ? styles.map((name) => this.#slider(name)) : []));
  }

  #slider(name) {
    const shown = el("output", {}, number(this.#wanted.style[name] ?? 0, 2));
    const oninput = (event) => {
      this.#wanted.style = { ...this.#wanted.style, [name]: Number(event.target.value) };
      shown.textContent = number(Number(event.target.value), 2);
      this.#changed();
    };
    const slider = labelled(name, el("input", { type: "range", min: 0, max: 1, step: 0.05, value: this.#wanted.style[name] ?? 0, oninput }));
    slider.firstChild.append(" ", shown);
    return slider;
  }

  #voiceChanged() {
    this.#wanted = { ...this.#wanted, voice: this.#voice.value || undefined, style: undefined };
    this.#fillStyles();
    this.#changed();
  }

  #styleChanged() {
    const chosen = this.#style.value;
    const even = () => Object.fromEntries(Object.keys(voiceNamed(this.#wanted.voice).styles).map((name) => [name, 0.5]));
    this.#wanted.style = chosen === MIX ? even() : chosen || undefined;
    this.#fillStyles();
    this.#changed();
  }

  #speedChanged() {
    this.#wanted.speed = Number(this.#speed.value);
    this.speedShown.textContent = `${number(this.#wanted.speed, 2)}×`;
    this.#changed();
  }

  #languageChanged() {
    this.#wanted.language = this.#language.value || undefined;
    this.#changed();
  }

  #lineSpeedChanged() {
    this.#wanted.speed = Number(this.#speed.value) || undefined;
    this.#changed();
  }
}
