/** What bad input is called. Our own bugs are plain `Error`s. */

/** A problem with what somebody gave us: a stable code, the same in Python and TypeScript, and a sentence. */
export class SealtrailError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = new.target.name;
    this.code = code;
  }
}

/** The bytes are not what the SPEC's grammar allows: nothing can be said of what they claim. */
export class Malformed extends SealtrailError {}

/** The bytes are well formed, and do not agree with what was committed. */
export class Altered extends SealtrailError {}

/** What was given neither proves nor refutes the claim: something is missing, or not trusted by the policy. */
export class Unproven extends SealtrailError {}
