// A choice of formats and a button that fetches the whole file.

import { FORMATS, file } from "./api.js";
import { button, el, labelled, offer, options } from "./dom.js";
import { t } from "./words.js";

// `described`: {name, body} of what is to be fetched.
export function downloads(container, described) {
  const format = options(el("select"), FORMATS.map((each) => [each, each]), "mp3");
  const fetchIt = async () => {
    const { name, body } = described();
    offer(await file({ ...body, output_format: format.value }), `${name}.${format.value}`);
  };
  container.append(labelled(t("format"), format), button("download", fetchIt));
}

// A file's name out of a text's first words.
export const nameOf = (text) => text.trim().slice(0, 40).replace(/[^\p{L}\p{M}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "") || "speech";
