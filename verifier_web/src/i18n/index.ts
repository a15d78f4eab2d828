/** Which language the page speaks: the one chosen on the switch, else the first of the browser's that it knows. */

import { en } from "./en.ts";
import type { Texts } from "./texts.ts";
import { zhCN } from "./zh-CN.ts";

export type { Texts } from "./texts.ts";

export const LANGUAGES: readonly Texts[] = [zhCN, en];

const REMEMBERED = "sealtrail.language";

/** The texts for the first of these BCP 47 tags that the page knows; English where it knows none. */
export function textsFor(tags: readonly string[]): Texts {
  for (const tag of tags) {
    const primary = tag.toLowerCase().split("-")[0];
    const found = LANGUAGES.find((texts) => texts.lang.toLowerCase().split("-")[0] === primary);
    if (found) return found;
  }
  return en;
}

/**
 * The words for a name that came from outside; undefined where the table has none.  What every object inherits
 * (`constructor`, `__proto__`) is no entry.
 */
export function wordsFor(table: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** The language to start in.  Storage may be forbidden (private windows): then nothing is remembered. */
export function initialTexts(): Texts {
  let remembered: string | null = null;
  try {
    remembered = localStorage.getItem(REMEMBERED);
  } catch {
    // not remembered
  }
  return textsFor([...(remembered === null ? [] : [remembered]), ...navigator.languages]);
}

export function rememberLanguage(texts: Texts): void {
  try {
    localStorage.setItem(REMEMBERED, texts.lang);
  } catch {
    // not remembered
  }
}
