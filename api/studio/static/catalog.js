// What the server has: its voices and the model's languages. Whoever shows them is told when they change.

import { health, voices } from "./api.js";

export const catalog = { voices: [], languages: [], broken: [] };
const listeners = [];

export function onCatalog(listener) {
  listeners.push(listener);
  listener();
}

export async function reload() {
  const { languages } = await health();
  Object.assign(catalog, await voices(), { languages });
  for (const listener of listeners) listener();
}

export const voiceNamed = (name) => catalog.voices.find((voice) => voice.name === name);

export function languageName(code) {
  const name = new Intl.DisplayNames([document.documentElement.lang], { type: "language" }).of(code);
  return name === code ? code : `${name} (${code})`;
}
