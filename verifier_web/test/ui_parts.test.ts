import { expect, test } from "vitest";

import { countryName, eventTime } from "../src/ui/dates.ts";
import { absenceUrl, attachmentUrl, parseLink, proofUrl } from "../src/ui/link.ts";
import { plain } from "../src/ui/untrusted.ts";

const TOKEN = "AbCdEfGhIjKlMnOpQrSt-_";
const STREAM = "0123456789abcdef".repeat(4);

test("a whole link gives token, stream and the service beside the page", () => {
  const link = parseLink(new URL(`http://shop.example:8000/trace/v/${TOKEN}#${STREAM}`));
  expect(link).toMatchObject({ token: TOKEN, stream: STREAM });
  if (link === null) throw new Error("no link");
  expect(proofUrl(link).href).toBe(`http://shop.example:8000/trace/v1/labels/${TOKEN}/proof`);
  expect(attachmentUrl(link, STREAM).href).toBe(`http://shop.example:8000/trace/v1/labels/${TOKEN}/attachments/${STREAM}`);
  expect(absenceUrl(link).href).toBe(`http://shop.example:8000/trace/v/absence?stream=${STREAM}`);
});

test.each([
  `/v/${TOKEN}`,
  `/v/${TOKEN}#`,
  `/v/${TOKEN}#${STREAM.slice(1)}`,
  `/v/${TOKEN}#${STREAM}0`,
  `/v/${TOKEN}#${STREAM.toUpperCase()}`,
  `/v/${TOKEN.slice(1)}#${STREAM}`,
  `/v/${TOKEN}x#${STREAM}`,
  `/v/..%2F..%2Fadmin%2Fxxxxxxx#${STREAM}`,
  `/v/#${STREAM}`,
  `/#${STREAM}`,
])("no link: %s", (path) => {
  expect(parseLink(new URL(path, "http://shop.example"))).toBeNull();
});

test("an event's time keeps its own wall clock and offset", () => {
  expect(eventTime("2026-05-03T14:05:00+08:00", "en-GB")).toBe("3 May 2026 at 14:05 (UTC+08:00)");
  expect(eventTime("2026-05-03T14:05:00+08:00", "zh-CN")).toBe("2026年5月3日 14:05 (UTC+08:00)");
  expect(eventTime("2026-12-31T23:59:59.123456789Z", "en-GB")).toBe("31 December 2026 at 23:59 (UTC)");
  expect(eventTime("yesterday", "en-GB")).toBe("yesterday");
});

test("countries by name, and anything else as it is", () => {
  expect(countryName("CN", "zh-CN")).toBe("中国");
  expect(countryName("FR", "en-GB")).toBe("France");
  expect(countryName("nowhere", "en-GB")).toBe("nowhere");
});

test("characters that mislead a reader are made visible, others stay", () => {
  expect(plain("abc\u202Egnp.exe")).toBe("abc[U+202E]gnp.exe");
  expect(plain("\u2066x\u2069\u0000\u200B\uFEFF\u{E0041}")).toBe("[U+2066]x[U+2069][U+0000][U+200B][U+FEFF][U+E0041]");
  expect(plain("王芳 👩‍🌾 سلام\nnext")).toBe("王芳 👩‍🌾 سلام\nnext");
});
