/** Fetches with a time limit and a size limit.  What a server says is bytes, never a result. */

import type { ProblemName } from "../i18n/texts.ts";

/** Why nothing usable arrived. */
export class NotFetched extends Error {
  readonly problem: ProblemName;

  constructor(problem: ProblemName) {
    super(problem);
    this.problem = problem;
  }
}

export interface Answer {
  readonly status: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface Limits {
  readonly bytes: number;
  readonly milliseconds: number;
}

/**
 * The status and the whole body.  NotFetched: `timeout`, `too_large`, or `unreachable`, also where a transfer breaks off.
 *
 * Redirects are refused: the service sends none, and the networks that do (a hotel's login page) have no record to give.
 */
export async function download(url: URL, limits: Limits): Promise<Answer> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), limits.milliseconds);
  try {
    const response = await fetch(url, {
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      referrerPolicy: "no-referrer",
      signal: abort.signal,
    });
    return { status: response.status, bytes: await readAll(response, limits.bytes) };
  } catch (error) {
    if (error instanceof NotFetched) throw error;
    throw new NotFetched(abort.signal.aborted ? "timeout" : "unreachable");
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

async function readAll(response: Response, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > limit) throw new NotFetched("too_large");
    chunks.push(value);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
