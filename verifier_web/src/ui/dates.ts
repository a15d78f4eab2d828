/** Times for people.  An event's own time keeps the offset that was reported with it; a block's time is the reader's. */

const RFC3339 = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

/** `3 May 2026 at 14:05 (UTC+08:00)` for `occurred_at` (SPEC 2.5); the text as it is where it is no such time. */
export function eventTime(occurredAt: string, locale: string): string {
  const match = RFC3339.exec(occurredAt);
  const local = match?.[1] === undefined ? Number.NaN : Date.parse(`${match[1]}Z`);
  if (match?.[2] === undefined || Number.isNaN(local)) return occurredAt;
  // The wall clock at the place, written as if it were UTC: no conversion can move it.
  const wall = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "short", timeZone: "UTC" }).format(local);
  return `${wall} (UTC${match[2] === "Z" ? "" : match[2]})`;
}

/** A block's time, seconds UTC, in the reader's time zone. */
export function blockTime(seconds: number, locale: string): string {
  return format(seconds * 1000, locale, { dateStyle: "long", timeStyle: "short" });
}

/** The same to the second and with the offset, for where it is compared with others. */
export function blockTimeWithOffset(seconds: number, locale: string): string {
  const text = format(seconds * 1000, locale, { dateStyle: "long", timeStyle: "medium" });
  const east = -new Date(seconds * 1000).getTimezoneOffset();
  if (Number.isNaN(east)) return text;
  const two = (number: number): string => String(Math.trunc(number)).padStart(2, "0");
  const offset = `${east < 0 ? "-" : "+"}${two(Math.abs(east) / 60)}:${two(Math.abs(east) % 60)}`;
  return `${text} (UTC${east === 0 ? "" : offset})`;
}

function format(milliseconds: number, locale: string, options: Intl.DateTimeFormatOptions): string {
  // Beyond what a Date can hold (a header may say anything): the number itself.
  if (Math.abs(milliseconds) > 8.64e15) return String(milliseconds / 1000);
  return new Intl.DateTimeFormat(locale, options).format(milliseconds);
}

/** A country's name for its ISO 3166-1 code; the code itself where it is none. */
export function countryName(code: string, locale: string): string {
  if (!/^[A-Z]{2}$/.test(code)) return code;
  return new Intl.DisplayNames([locale], { type: "region", fallback: "code" }).of(code) ?? code;
}
