// Holds the tests to the plan in words: every line of the .tree file is a test, and every test a line of it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as runner from "node:test";

/** The paths of the plan's leaves, as " > "-joined lines. */
function leaves(text) {
  const path = [];
  const found = [];
  for (const line of text.trimEnd().split("\n")) {
    const [, indent, title] = /^([│ ]*(?:[├└]── )?)(.+)$/u.exec(line);
    path.length = indent.length / 4;
    path.push(title);
    if (/^(it|they|head) |^head,/u.test(title)) found.push(path.join(" > "));
  }
  return found;
}

export function planned(file) {
  const plan = leaves(readFileSync(new URL(`../${file}`, import.meta.url), "utf8"));
  const path = [];
  const tests = [];
  return {
    describe(title, body) {
      runner.describe(title, () => {
        path.push(title);
        body();
        path.pop();
      });
    },
    it(title, body) {
      tests.push([...path, title].join(" > "));
      runner.it(title, body);
    },
    /** Call it last. */
    check: () => runner.it(`${file} is what is tested`, () => assert.deepEqual(tests, plan)),
  };
}
