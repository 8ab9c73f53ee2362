// Pieces in the shape of a batch file: {defaults, samples: [{id, segments: [{text, pause_after, ...}], ...}]}.
// Fields that the page does not know stay as they are.

import { t } from "./words.js";

export const emptyLine = () => ({ text: "", pause_after: 0.5 });
export const emptySample = (number) => ({ id: `${t("new-sample")} ${number}`, segments: [emptyLine()] });

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isSample = (sample) => isObject(sample) && typeof sample.id === "string" && (sample.segments ?? []).every?.(isLine);
const isLine = (line) => isObject(line) && typeof line.text === "string";

// Throws for what cannot be shown. A sample of one text becomes a line for each of its paragraphs.
export function parseBatch(text) {
  let content = null;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new Error(`${t("no-batch")} ${error.message}`);
  }
  if (!Array.isArray(content?.samples) || !content.samples.length) throw new Error(t("no-batch"));
  const { $schema: _, defaults = {}, samples } = content;
  if (!isObject(defaults)) throw new Error(t("bad-defaults"));
  const bad = samples.findIndex((sample) => !isSample(sample));
  if (bad >= 0) throw new Error(t("bad-sample", bad + 1));
  return { defaults, samples: samples.map((sample) => withSegments(sample, defaults)) };
}

function withSegments({ text, paragraph_pause, ...sample }, defaults) {
  if (sample.segments?.length) return sample;
  const pause = paragraph_pause ?? defaults.paragraph_pause ?? 0.6;
  const texts = String(text ?? "").split(/\n\s*\n/).filter((each) => each.trim());
  const segments = texts.map((each, at) => ({ text: each.trim(), pause_after: at < texts.length - 1 ? pause : 0 }));
  return { ...sample, segments: segments.length ? segments : [emptyLine()] };
}

export const formatBatch = (batch) => `${JSON.stringify(batch, null, 2)}\n`;

const OF_FILES = ["id", "paragraph_pause", "subtitles"]; // a request has none, or would answer them with a zip

// A body of /generate/segmented for some of a sample's lines.
export function bodyOf(batch, sample, lines) {
  const fields = Object.entries({ ...batch.defaults, ...sample, segments: lines });
  return Object.fromEntries(fields.filter(([name]) => !OF_FILES.includes(name)));
}
