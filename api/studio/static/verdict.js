// What the judge measured, in plain words: each value, whether it is good, and what would make it better.

import { el, number } from "./dom.js";
import { t } from "./words.js";

// Of facts and the limits that came with them: [kind, fact, hint] each.
export function readings({ facts, limits }) {
  const [least, good, enough, most] = limits.speech_seconds;
  const speech = facts.speech_seconds;
  const grade = (bad, fair) => (bad ? "bad" : fair ? "fair" : "good");
  return [
    [
      grade(speech < least || speech > most, speech < good || speech > enough),
      t("fact-speech", number(speech)),
      speech < good ? t("hint-speech-short") : t("hint-speech-long"),
    ],
    [grade(facts.snr_db < limits.snr_db[0], facts.snr_db < limits.snr_db[1]), t("fact-noise", number(facts.snr_db, 0)), t("hint-noise")],
    [grade(false, facts.level_db < limits.level_db), t("fact-level", number(facts.level_db, 0)), t("hint-level")],
    [
      grade(facts.clipped > limits.clipped[1], facts.clipped > limits.clipped[0]),
      t("fact-clipped", number(100 * facts.clipped, 2)),
      t("hint-clipped"),
    ],
    [grade(false, facts.sample_rate < limits.sample_rate), t("fact-rate", number(facts.sample_rate / 1000)), t("hint-rate")],
  ];
}

export function verdictList(judgement) {
  if (!judgement.facts) return el("p", { className: "bad" }, judgement.faults.join(" "));
  const lines = readings(judgement).map(([kind, fact, hint]) =>
    el("li", { className: kind }, el("b", {}, t(kind)), ` ${fact}${kind === "good" ? "" : `, ${hint}`}`),
  );
  const sum = judgement.faults.length ? t("clip-unfit") : t("clip-fit");
  return el("div", {}, el("p", { className: judgement.faults.length ? "bad" : "good" }, sum), el("ul", { className: "verdict" }, ...lines));
}
