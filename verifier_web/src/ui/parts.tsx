/** Small pieces that every part of the page uses. */

import { Component, type ComponentChildren, createContext, Fragment, type VNode } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";

import { en } from "../i18n/en.ts";
import type { Texts } from "../i18n/index.ts";
import { pieces } from "./untrusted.ts";

export const Language = createContext<Texts>(en);

export function useTexts(): Texts {
  return useContext(Language);
}

/** A text with its `{places}` filled. */
export function Fill({ text, values }: { text: string; values: Readonly<Record<string, ComponentChildren>> }): VNode {
  return (
    <>
      {text.split(/(\{\w+\})/).map((part, at) => {
        const name = /^\{(\w+)\}$/.exec(part)?.[1];
        return <Fragment key={at}>{name === undefined ? part : values[name]}</Fragment>;
      })}
    </>
  );
}

/** The same for attributes and the title of the document. */
export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}

const LONG = 400;

/** Text that somebody reported: isolated from the words around it, its misleading characters visible. */
export function Reported({ text }: { text: string }): VNode {
  const texts = useTexts();
  const shown = pieces(text).map((piece, at) =>
    piece.marker ? (
      <span class="marker" key={at} title={texts.timeline.control}>
        {piece.text}
      </span>
    ) : (
      piece.text
    ),
  );
  if (text.length <= LONG) return <bdi class="reported">{shown}</bdi>;
  return (
    <details class="long">
      <summary>{fill(texts.timeline.longText, { count: text.length })}</summary>
      <bdi class="reported">{shown}</bdi>
    </details>
  );
}

const PATHS = {
  check: "M5 12.5l4.5 4.5L19 7.5",
  cross: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  question: "M9 9.2a3 3 0 1 1 4.6 2.6c-1 .7-1.6 1.2-1.6 2.4M12 17.6v.1",
  dash: "M6 12h12",
  alert: "M12 5.5v8M12 17.6v.1",
  flask: "M9.5 4h5M10.5 4v5.5l-4.7 8.1a1.6 1.6 0 0 0 1.4 2.4h9.6a1.6 1.6 0 0 0 1.4-2.4L13.5 9.5V4M8 15h8",
  clock: "M12 7v5l3.2 2",
} as const;
export type IconName = keyof typeof PATHS;

/** A drawing beside words that say the same: hidden from screen readers. */
export function Icon({ name }: { name: IconName }): VNode {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** A value to copy.  Without the clipboard interface (plain HTTP) it is selected, and copied the old way where that works. */
export function Copyable({ value }: { value: string }): VNode {
  const { copy } = useTexts();
  const code = useRef<HTMLElement>(null);
  const [said, setSaid] = useState<string | null>(null);
  const onClick = (): void => {
    const selection = getSelection();
    if (code.current === null || selection === null) return;
    selection.selectAllChildren(code.current);
    let copied = false;
    try {
      copied = document.execCommand("copy");
    } catch {
      // stays selected
    }
    setSaid(copied ? copy.copied : copy.selected);
  };
  return (
    <span class="copyable">
      <code ref={code} dir="ltr">
        {value}
      </code>
      <button type="button" class="small" onClick={onClick}>
        {copy.copy}
      </button>
      <span class="said" role="status">
        {said}
      </span>
    </span>
  );
}

/** A `blob:` address for bytes, given back when it is no longer shown. */
export function useBlob(bytes: Uint8Array<ArrayBuffer> | null, type: string): string | null {
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    if (bytes === null) return undefined;
    const made = URL.createObjectURL(new Blob([bytes], { type }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [bytes, type]);
  return url;
}

/** Shows `instead` where drawing the children fails: our own bug must not leave half a result on the screen. */
export class Guard extends Component<{ instead: VNode; children: ComponentChildren }, { failed: boolean }> {
  override state = { failed: false };

  static override getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override componentDidCatch(error: unknown): void {
    console.error(error);
  }

  override render(): ComponentChildren {
    return this.state.failed ? this.props.instead : this.props.children;
  }
}

/** One row of a description list; nothing without a value. */
export function Row({ name, children }: { name: string; children: ComponentChildren }): VNode | null {
  if (children === null || children === undefined) return null;
  return (
    <div class="row">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
