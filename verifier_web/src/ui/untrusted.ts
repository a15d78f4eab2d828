/** Text that somebody reported: shown as text alone, with the characters that could mislead a reader made visible. */

/**
 * Controls (but tab and line feed), the characters that turn the direction of writing, and those that show nothing.
 * The joiners U+200C and U+200D stay: several scripts, and emoji, need them.
 */
const MISLEADING =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/u;
const SPLIT = new RegExp(`(${MISLEADING.source})`, "u");

export interface Piece {
  readonly text: string;
  /** The text is a marker, such as `U+202E`, that stands for one character. */
  readonly marker: boolean;
}

/** The text in pieces, each misleading character replaced by a marker. */
export function pieces(text: string): Piece[] {
  return text
    .split(SPLIT)
    .filter((part) => part !== "")
    .map((part) => (MISLEADING.test(part) ? { text: codePoint(part), marker: true } : { text: part, marker: false }));
}

/** The same as plain text, for titles and attributes. */
export function plain(text: string): string {
  return pieces(text)
    .map((piece) => (piece.marker ? `[${piece.text}]` : piece.text))
    .join("");
}

function codePoint(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}
