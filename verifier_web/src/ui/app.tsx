/** The whole page. */

import type { VNode } from "preact";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { initialTexts, LANGUAGES, rememberLanguage, type Texts } from "../i18n/index.ts";
import type { ProblemName } from "../i18n/texts.ts";
import { AsOf, type ChainNamed, Checks, Keep, Limits } from "./checks.tsx";
import { type LabelLink, parseLink } from "./link.ts";
import { Order } from "./order.tsx";
import { fill, Icon, Language } from "./parts.tsx";
import { type CheckedRecord, run, type Verifier, type View } from "./session.ts";
import { holds } from "./story.ts";
import { type ActorNames, Timeline } from "./timeline.tsx";
import { headline, VerdictCard } from "./verdict.tsx";

/** What the baked-in policy gives the page: the verifier that follows it, and the names to show. */
export interface Setup<Nodes> {
  readonly verifier: Verifier<Nodes>;
  readonly chain: ChainNamed;
  readonly actors: ActorNames;
}

/** While the first events are about to be recorded, the page looks again after this many milliseconds. */
const LOOK_AGAIN = 10_000;

export function App<Nodes>({ setup }: { setup: Setup<Nodes> | ProblemName }): VNode {
  const [texts, setTexts] = useState(initialTexts);
  const link = useLink();
  const [view, retry] = useRun(setup, link);
  const main = useRef<HTMLElement>(null);
  const title = headline(view, texts);

  useEffect(() => {
    document.documentElement.lang = texts.lang;
    document.title = `${title} · ${texts.name}`;
  }, [texts, title]);

  const choose = (chosen: Texts): void => {
    setTexts(chosen);
    rememberLanguage(chosen);
  };
  // The button that was pressed is about to go: the focus moves to where the result will be.
  const again = (): void => {
    main.current?.focus();
    retry?.();
  };
  return (
    <Language.Provider value={texts}>
      <a class="skip" href="#result" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        {texts.skip}
      </a>
      <header>
        <p class="brand">
          <span class="name">{texts.name}</span>
          <span class="tagline">{texts.tagline}</span>
        </p>
        <Switch chosen={texts} choose={choose} />
      </header>
      {typeof setup !== "string" && setup.chain.test && <TestBanner chain={setup.chain} texts={texts} />}
      <p class="unseen" role="status" aria-live="polite">
        {title}
      </p>
      <main id="result" ref={main} tabIndex={-1} aria-label={texts.verdict.region}>
        <VerdictCard view={view} retry={retry === null ? null : again} />
        {view.kind === "result" && typeof setup !== "string" && link !== null && (
          <Story record={view.result} setup={setup} stream={link.stream} texts={texts} />
        )}
        {view.kind === "working" && <div class="card skeleton" aria-hidden="true" />}
      </main>
      <footer>
        <p>{texts.footer.independent}</p>
        <p>{texts.footer.login}</p>
      </footer>
    </Language.Provider>
  );
}

function Story(props: { record: CheckedRecord; setup: Pick<Setup<unknown>, "chain" | "actors">; stream: string; texts: Texts }): VNode {
  const { record, setup, texts } = props;
  const { verdict } = record;
  const order = verdict.order === null ? null : <Order order={verdict.order} />;
  const timeline = <Timeline record={record} actors={setup.actors} />;
  const held = holds(verdict.state);
  const unproven = verdict.state === "altered" ? texts.verdict.sentAltered : texts.verdict.sentUnchecked;
  return (
    <div class={`sheet ${held || verdict.state === "unknown_code" ? "" : "unproven"}`}>
      {held && order}
      <div class="wide">
        {held && timeline}
        <Checks verdict={verdict} />
      </div>
      <div class="rest">
        <Limits verdict={verdict} />
        <AsOf verdict={verdict} chain={setup.chain} />
        <Keep record={record} stream={props.stream} />
      </div>
      {!held && verdict.order !== null && (
        <details class="sent">
          <summary>{unproven}</summary>
          {order}
          {timeline}
        </details>
      )}
    </div>
  );
}

function Switch({ chosen, choose }: { chosen: Texts; choose: (texts: Texts) => void }): VNode {
  return (
    <div class="switch" role="group" aria-label={chosen.language}>
      {LANGUAGES.map((texts) => (
        <button
          type="button"
          key={texts.lang}
          lang={texts.lang}
          aria-pressed={texts.lang === chosen.lang}
          onClick={() => choose(texts)}
        >
          {texts.ownName}
        </button>
      ))}
    </div>
  );
}

function TestBanner({ chain, texts }: { chain: ChainNamed; texts: Texts }): VNode {
  return (
    <aside class="test-banner" aria-label={texts.testBanner.title}>
      <Icon name="flask" />
      <p>
        <strong>{texts.testBanner.title}</strong> {fill(texts.testBanner.text, { chain: chain.name })}
      </p>
    </aside>
  );
}

/** The label's link, also when the fragment is changed by hand. */
function useLink(): LabelLink | null {
  const [link, setLink] = useState(() => parseLink(new URL(location.href)));
  useEffect(() => {
    const changed = (): void => setLink(parseLink(new URL(location.href)));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return link;
}

/** Runs the check, again on demand; the second value is null where running again could change nothing. */
function useRun<Nodes>(setup: Setup<Nodes> | ProblemName, link: LabelLink | null): [View, (() => void) | null] {
  const [view, setView] = useState<View>({ kind: "working", step: "record", slow: false });
  const [round, setRound] = useState(0);
  const again = useCallback(() => setRound((last) => last + 1), []);

  useEffect(() => {
    if (typeof setup === "string" || link === null) return undefined;
    let current = true;
    void run(link, setup.verifier, (told) => {
      if (current) setView(told);
    });
    return () => {
      current = false;
    };
  }, [setup, link, round]);

  useEffect(() => {
    if (view.kind !== "waiting") return undefined;
    const timer = setTimeout(again, LOOK_AGAIN);
    return () => clearTimeout(timer);
  }, [view, again]);

  if (typeof setup === "string") return [{ kind: "problem", problem: setup }, null];
  if (link === null) return [{ kind: "problem", problem: "link_incomplete" }, null];
  return [view, again];
}
