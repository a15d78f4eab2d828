/** The label's link (SPEC 17.1): the token from the path, the stream id from the fragment. */

export interface LabelLink {
  readonly token: string;
  /** 64 lower-case hexadecimal digits. */
  readonly stream: string;
  /** Where the service's `/v1/` is: beside the page's `/v/`, perhaps below a path of the host. */
  readonly service: URL;
}

const PATH = /^(.*\/)v\/([A-Za-z0-9_-]{22})$/;
const FRAGMENT = /^#[0-9a-f]{64}$/;

/** What a label's link says; null where it is not whole. */
export function parseLink(location: URL): LabelLink | null {
  const path = PATH.exec(location.pathname);
  if (path?.[1] === undefined || path[2] === undefined || !FRAGMENT.test(location.hash)) return null;
  return { token: path[2], stream: location.hash.slice(1), service: new URL(path[1], location.origin) };
}

export function proofUrl(link: LabelLink): URL {
  return new URL(`v1/labels/${link.token}/proof`, link.service);
}

/** Where the service shows that a stream was never in the log. Asked for a token that it does not know, and not before. */
export function absenceUrl(link: LabelLink): URL {
  return new URL(`v/absence?stream=${link.stream}`, link.service);
}

export function attachmentUrl(link: LabelLink, sha256: string): URL {
  return new URL(`v1/labels/${link.token}/attachments/${sha256}`, link.service);
}
