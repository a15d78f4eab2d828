/** Strict JSON in, canonical JSON out (SPEC 2.3, 2.4; RFC 7493, RFC 8785). */

import { Malformed } from "./errors.ts";

/** A JSON value as read: an object is a Map, so that no name of a member can mean anything to the language. */
export type Json = null | boolean | number | string | readonly Json[] | ReadonlyMap<string, Json>;

/** A JSON value as the language reads it. */
type Plain = null | boolean | number | string | readonly Plain[] | { readonly [name: string]: Plain };

export const MAX_DEPTH = 32;

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

/** Reads I-JSON strictly (SPEC 2.3); Malformed with a code `json_…` says what is wrong. */
export function parseJson(raw: Uint8Array): Json {
  return new Reader(decode(raw)).document();
}

/** Reads JSON that is its own canonical form, byte for byte (SPEC 2.4). */
export function parseCanonical(raw: Uint8Array): Json {
  return parseCanonicalText(decode(raw));
}

/** The same of well-formed text. */
export function parseCanonicalText(text: string): Json {
  return parsePlainly(text) ?? parseStrictly(text);
}

function parseStrictly(text: string): Json {
  const reader = new Reader(text);
  const value = reader.document();
  if (!reader.isCanonical) {
    throw new Malformed("not_canonical", "the bytes are not their own canonical form (RFC 8785)");
  }
  return value;
}

/** The same by the language's own reader; null where that does not tell, and for `null`. */
function parsePlainly(text: string): Json {
  try {
    const value = JSON.parse(text) as Plain;
    // Only what has no spaces, duplicate keys, nor escapes and numbers in another form, is printed as it was. A lone
    // surrogate is printed as the escape that it was.
    return JSON.stringify(value) === text && !text.includes("\\ud") ? mapped(value, 0) : null;
  } catch {
    return null;
  }
}

function mapped(value: Plain, depth: number): Json {
  if (typeof value === "number" && Math.abs(value) > Number.MAX_SAFE_INTEGER) throw new RangeError("a large number");
  if (value === null || typeof value !== "object") return value;
  if (depth === MAX_DEPTH) throw new RangeError("nested deeper");
  if (Array.isArray(value)) return value.map((item: Plain) => mapped(item, depth + 1));
  const members = new Map<string, Json>();
  let last = "";
  for (const [name, member] of Object.entries(value)) {
    if (name < last) throw new RangeError("another order");
    members.set(name, mapped(member, depth + 1));
    last = name;
  }
  return members;
}

/** Prints the canonical JSON text of a value as `parseJson` returns it (RFC 8785). */
export function printJson(value: Json): string {
  // RFC 8785 takes over ECMAScript's own way to print numbers and strings.
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (!isObject(value)) return `[${value.map(printJson).join(",")}]`;
  const names = [...value.keys()].sort(); // by UTF-16 code units, as RFC 8785 has it
  return `{${names.map((name) => `${JSON.stringify(name)}:${printJson(value.get(name) as Json)}`).join(",")}}`;
}

/** Whether a value is an object. */
export function isObject(value: Json): value is ReadonlyMap<string, Json> {
  return value instanceof Map;
}

/** Whether a value is an array. */
export function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function decode(raw: Uint8Array): string {
  try {
    // A byte-order mark is kept, and so refused as a character that starts no JSON.
    return UTF8.decode(raw);
  } catch {
    throw new Malformed("json_utf8", "the bytes are not UTF-8");
  }
}

class Reader {
  /** Whether what was read so far is what `printJson` prints of it. */
  isCanonical = true;
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  document(): Json {
    const value = this.value(0);
    this.space();
    if (this.at !== this.text.length) throw this.wrong();
    return value;
  }

  private value(depth: number): Json {
    this.space();
    switch (this.text[this.at]) {
      case "{":
        return this.object(depth + 1);
      case "[":
        return this.array(depth + 1);
      case '"':
        return this.string();
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      case "n":
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  private object(depth: number): ReadonlyMap<string, Json> {
    const members = new Map<string, Json>();
    let last: string | undefined;
    this.open(depth);
    if (this.taken("}")) return members;
    do {
      this.space();
      if (this.text[this.at] !== '"') throw this.wrong();
      const name = this.string();
      // SPEC 2.3: no duplicate keys
      if (members.has(name)) throw new Malformed("json_duplicate", `duplicate key ${JSON.stringify(name.slice(0, 80))}`);
      if (last !== undefined && name < last) this.isCanonical = false;
      last = name;
      if (!this.taken(":")) throw this.wrong();
      members.set(name, this.value(depth));
    } while (this.taken(","));
    if (!this.taken("}")) throw this.wrong();
    return members;
  }

  private array(depth: number): readonly Json[] {
    const items: Json[] = [];
    this.open(depth);
    if (this.taken("]")) return items;
    do {
      items.push(this.value(depth));
    } while (this.taken(","));
    if (!this.taken("]")) throw this.wrong();
    return items;
  }

  private open(depth: number): void {
    // SPEC 2.3: nesting (arrays and objects) no deeper than 32
    if (depth > MAX_DEPTH) throw new Malformed("json_depth", `nested deeper than ${MAX_DEPTH}`);
    this.at += 1;
  }

  private string(): string {
    this.at += 1;
    let text = this.match(PLAIN);
    let isOdd = false; // Only an escape can bring half a pair of surrogates: the document's own text is well formed.
    while (this.text[this.at] === "\\") {
      const character = this.escape();
      isOdd ||= character >= "\ud800" && character <= "\udfff";
      text += character + this.match(PLAIN);
    }
    if (this.text[this.at] !== '"') throw this.wrong();
    this.at += 1;
    // SPEC 2.3: no lone surrogates
    if (isOdd && /\p{Surrogate}/u.test(text)) throw new Malformed("json_surrogate", "a lone surrogate is refused");
    return text;
  }

  private escape(): string {
    const letter = this.text[this.at + 1] ?? "";
    this.at += 2;
    const simple = ESCAPES.get(letter);
    if (simple !== undefined) {
      if (letter === "/") this.isCanonical = false;
      return simple;
    }
    const digits = this.text.slice(this.at, this.at + 4);
    if (letter !== "u" || !/^[0-9a-fA-F]{4}$/.test(digits)) throw this.wrong();
    this.at += 4;
    const character = String.fromCharCode(Number.parseInt(digits, 16));
    // RFC 8785 escapes so only control characters that have no shorter escape.
    if (character >= " " || JSON.stringify(character) !== `"\\u${digits}"`) this.isCanonical = false;
    return character;
  }

  private number(): number {
    const text = this.match(NUMBER);
    if (text === "") throw this.wrong();
    const value = Number(text);
    // SPEC 2.3: no number of magnitude 2^53 or more (with or without a fraction), no negative zero
    if (Object.is(value, -0)) throw new Malformed("json_number", "negative zero is refused");
    if (Math.abs(value) > Number.MAX_SAFE_INTEGER) {
      throw new Malformed("json_number", `a number of magnitude 2^53 or more is refused: ${text.slice(0, 24)}`);
    }
    if (String(value) !== text) this.isCanonical = false;
    return value;
  }

  private word<Word extends boolean | null>(text: string, value: Word): Word {
    if (!this.text.startsWith(text, this.at)) throw this.wrong();
    this.at += text.length;
    return value;
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const text = pattern.exec(this.text)?.[0] ?? "";
    this.at += text.length;
    return text;
  }

  /** Skips white space, and then this character if it is the next. */
  private taken(character: string): boolean {
    this.space();
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }

  private space(): void {
    while (" \t\n\r".includes(this.text[this.at] ?? "x")) {
      this.at += 1;
      this.isCanonical = false;
    }
  }

  private wrong(): Malformed {
    return new Malformed("json_syntax", `not JSON at character ${this.at}`);
  }
}
