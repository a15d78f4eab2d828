/** Checkpoints: the signed statement (origin, size, root) of the log (SPEC 8; C2SP tlog-checkpoint). */

import { Malformed } from "./errors.ts";
import { HASH_SIZE, hash } from "./hashes.ts";
import type { Hash } from "./hashes.ts";
import { parseBase64, parseNote } from "./note.ts";
import type { Note } from "./note.ts";

const TEXT = /^([^\n]+)\n([1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n$/;

/** What the log is at a size ≥ 1; the note around it is kept, since its bytes are what is signed. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Hash;
  readonly note: Note;
}

/** Reads a checkpoint; nothing about origin or signature is checked yet. Malformed otherwise. */
export function parseCheckpoint(text: string): Checkpoint {
  const note = parseNote(text);
  const [, origin, size, encoded] = TEXT.exec(note.text) ?? [];
  if (origin === undefined || encoded === undefined || !Number.isSafeInteger(Number(size))) {
    throw new Malformed("checkpoint_syntax", "not the three lines origin, size and root");
  }
  const root = parseBase64(encoded, "root");
  if (root.length !== HASH_SIZE) throw new Malformed("checkpoint_syntax", `a root has ${HASH_SIZE} bytes`);
  return { origin, size: Number(size), root: hash(root), note };
}
