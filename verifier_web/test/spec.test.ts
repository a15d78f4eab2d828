/** Comments that quote the SPEC quote it word for word, under the number that they name. */

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, it } from "vitest";

const SOURCES = fileURLToPath(new URL("../src/protocol/", import.meta.url));
const SPEC = readFileSync(fileURLToPath(new URL("../../anchor_service/protocol/SPEC.md", import.meta.url)), "utf8");

function flat(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** A numbered paragraph, up to the next one. */
function paragraph(number: string): string {
  const start = SPEC.indexOf(`\n${number}. `);
  if (start < 0) throw new Error(`the SPEC has no ${number}`);
  const end = SPEC.slice(start + 1).search(/\n(?:\d+\.\d+\. |## )/);
  return flat(SPEC.slice(start, end < 0 ? undefined : start + 1 + end));
}

interface Quote {
  readonly file: string;
  readonly number: string;
  readonly words: string;
}

const quotes = readdirSync(SOURCES).flatMap((file): Quote[] => {
  const lines = readFileSync(join(SOURCES, file), "utf8").split("\n");
  // A comment's lines in one: those of `/** … */`, and neighbouring `//`.
  const comments = lines.map((line) => /^\s*(?:\/\/|\/\*\*|\*)(?!\/)\s?(.*?)(?:\*\/)?$/.exec(line)?.[1] ?? "\0").join("\n").split("\0");
  return comments.flatMap((comment) =>
    [...comment.matchAll(/SPEC (\d+\.\d+): (.*?)(?=\n\n|\n? ?$|SPEC \d+\.\d+: )/gs)].map(([, number = "", words = ""]) => {
      return { file, number, words: flat(words) };
    }),
  );
});

it("finds the quotes", () => {
  expect(quotes.length).toBeGreaterThan(20);
});

it.each(quotes)("$file quotes $number: $words", ({ number, words }) => {
  expect(paragraph(number)).toContain(words);
});
