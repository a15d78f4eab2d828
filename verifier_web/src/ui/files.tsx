/** The files that a step names.  Nothing is shown before its hash is the recorded one; only three kinds are shown at all. */

import type { VNode } from "preact";

import type { EventShown } from "../protocol/verdict.ts";
import { Fill, fill, Icon, Reported, useBlob, useTexts } from "./parts.tsx";
import type { FoundFile } from "./session.ts";
import { type Attachment, attachmentsOf } from "./story.ts";
import { plain } from "./untrusted.ts";

/** Pictures that hold no program.  SVG does, so it is not among them. */
const SHOWN = ["image/png", "image/jpeg", "image/webp"];

export function Files(props: {
  event: EventShown;
  recipient: string | null;
  files: ReadonlyMap<string, FoundFile>;
}): VNode {
  return (
    <>
      {attachmentsOf(props.event).map((file) => (
        <File key={file.sha256} file={file} found={props.files.get(file.sha256)} recipient={props.recipient} />
      ))}
    </>
  );
}

function File(props: { file: Attachment; found: FoundFile | undefined; recipient: string | null }): VNode {
  const { timeline: words } = useTexts();
  const { file, found } = props;
  return (
    <figure class={`file ${file.role === "signature" ? "signature" : ""}`}>
      <figcaption>
        <Caption file={file} recipient={props.recipient} />
      </figcaption>
      {found?.status === "found" ? (
        <Found file={file} bytes={found.bytes} />
      ) : (
        <p class={`flag ${found?.status ?? "missing"}`}>
          <Icon name={found?.status === "altered" ? "cross" : "question"} />
          {found?.status === "altered"
            ? words.fileAltered
            : found?.status === "too_large"
              ? words.fileLarge
              : words.fileMissing}
        </p>
      )}
    </figure>
  );
}

function Found({ file, bytes }: { file: Attachment; bytes: Uint8Array<ArrayBuffer> }): VNode | null {
  const texts = useTexts();
  const words = texts.timeline;
  const picture = SHOWN.includes(file.mediaType);
  // Whatever is not a picture is given away as plain bytes, so that no browser runs it.
  const url = useBlob(bytes, picture ? file.mediaType : "application/octet-stream");
  if (url === null) return null;
  const name = file.name === "" ? file.sha256.slice(0, 16) : file.name;
  if (picture) return <img src={url} alt={file.role === "signature" ? words.signature : plain(name)} decoding="async" />;
  return (
    <>
      <p class="quiet">{words.fileUnsafe}</p>
      <a class="button" href={url} download={plain(name)}>
        {fill(words.fileSave, { name: plain(name) })}
      </a>
    </>
  );
}

function Caption({ file, recipient }: { file: Attachment; recipient: string | null }): VNode {
  const { timeline: words } = useTexts();
  if (file.role !== "signature") return <>{file.role === "photo" ? words.photo : words.document}</>;
  if (recipient === null) return <>{words.signature}</>;
  return <Fill text={words.signatureFor} values={{ name: <Reported text={recipient} /> }} />;
}
