import { expect, test } from "vitest";

import { LANGUAGES, textsFor } from "../src/i18n/index.ts";
import { CODES, EVENT_TYPES, LIFECYCLES } from "../src/i18n/texts.ts";
import { ABSENCE_CHECKS, CHECKS } from "../src/protocol/verdict.ts";

/** Every text with the path that leads to it. */
function flat(value: object, path = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, inner] of Object.entries(value)) {
    const at = path === "" ? key : `${path}.${key}`;
    if (typeof inner === "string") found.set(at, inner);
    else for (const [deeper, text] of flat(inner, at)) found.set(deeper, text);
  }
  return found;
}

const ALL = LANGUAGES.map((texts) => ({ lang: texts.lang, flat: flat(texts) }));
const [chinese, english] = ALL;

test("both languages have the same texts, none empty, with the same places", () => {
  if (!chinese || !english) throw new Error("two languages are expected");
  expect([...chinese.flat.keys()].sort()).toEqual([...english.flat.keys()].sort());
  for (const [at, text] of english.flat) {
    const other = chinese.flat.get(at) ?? "";
    expect(text.trim(), at).not.toBe("");
    expect(other.trim(), at).not.toBe("");
    expect(other.match(/\{\w+\}/g)?.sort() ?? [], at).toEqual(text.match(/\{\w+\}/g)?.sort() ?? []);
  }
});

test("no text claims that something is genuine, safe or guaranteed", () => {
  for (const { lang, flat } of ALL) {
    for (const [at, text] of flat) {
      expect(text, `${lang} ${at}`).not.toMatch(/authentic|genuine|original product|guarantee|100\s?%|正品|真品|保真|保证|真伪/i);
    }
  }
});

test("only the state altered, its check and its files speak of change or of disagreement", () => {
  const tampering = /tamper|forg|fake|counterfeit|was altered|已被改动|伪造|假冒/i;
  const found = ALL.map(({ flat }) => [...flat].filter(([, text]) => tampering.test(text)).map(([at]) => at));
  expect(found).toEqual([["verdict.title.altered"], ["verdict.title.altered"]]);
});

test("every check, code, type and lifecycle state has its words", () => {
  for (const { flat } of ALL) {
    for (const name of [...CHECKS, ...ABSENCE_CHECKS]) expect(flat.has(`checks.names.${name}`) && flat.has(`checks.means.${name}`)).toBe(true);
    for (const name of CODES) expect(flat.has(`checks.codes.${name}`)).toBe(true);
    for (const name of EVENT_TYPES) expect(flat.has(`timeline.types.${name}`)).toBe(true);
    for (const name of LIFECYCLES) expect(flat.has(`lifecycles.${name}`)).toBe(true);
  }
});

test("the first known language of the browser is taken, English where none is known", () => {
  expect(textsFor(["fr-FR", "zh-TW", "en"]).lang).toBe("zh-CN");
  expect(textsFor(["en-US", "zh-CN"]).lang).toBe("en");
  expect(textsFor(["fr", "de"]).lang).toBe("en");
  expect(textsFor([]).lang).toBe("en");
});
