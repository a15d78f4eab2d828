/** The card at the top: what this page makes of the record, or why it makes nothing of it. */

import type { ComponentChildren, VNode } from "preact";

import { type Texts, wordsFor } from "../i18n/index.ts";
import { STEPS } from "../i18n/texts.ts";
import type { Check, State, Verdict } from "../protocol/verdict.ts";
import { blockTime } from "./dates.ts";
import { Fill, fill, Icon, type IconName, useTexts } from "./parts.tsx";
import type { View } from "./session.ts";
import { completeness, holds, onAbsence, reason, spokenState, standsSince, TONES, type Tone } from "./story.ts";

const ICONS: Record<State, IconName> = {
  verified: "check",
  verified_pending: "check",
  withdrawn: "alert",
  test_data: "flask",
  altered: "cross",
  malformed: "question",
  could_not_check: "question",
  unknown_code: "alert",
};

/** What the view comes to in one line, for the document's title and for screen readers. */
export function headline(view: View, texts: Texts): string {
  switch (view.kind) {
    case "working":
      return `${texts.progress.heading}: ${texts.progress.steps[view.step]}`;
    case "waiting":
      return texts.waiting.title;
    case "problem":
      return texts.problem[view.problem].title;
    case "result": {
      const { verdict } = view.result;
      return fill(texts.verdict.title[spokenState(verdict)], { date: sinceWhen(verdict, texts) });
    }
  }
}

export function VerdictCard({ view, retry }: { view: View; retry: (() => void) | null }): VNode {
  const texts = useTexts();
  switch (view.kind) {
    case "working":
      return <Working step={view.step} slow={view.slow} />;
    case "waiting":
      return (
        <Card tone="neutral" icon="clock" title={headline(view, texts)}>
          <p>{texts.waiting.said}</p>
          <p>{texts.waiting.unchecked}</p>
          <Again label={texts.waiting.again} retry={retry} />
        </Card>
      );
    case "problem":
      return (
        <Card tone="neutral" icon="question" title={headline(view, texts)}>
          <p>{texts.problem[view.problem].text}</p>
          <Again label={texts.verdict.retry} retry={retry} />
        </Card>
      );
    case "result":
      return <Result verdict={view.result.verdict} retry={retry} />;
  }
}

function Result({ verdict, retry }: { verdict: Verdict; retry: (() => void) | null }): VNode {
  const texts = useTexts();
  const words = texts.verdict;
  const date = sinceWhen(verdict, texts);
  const { order } = verdict;
  const state = spokenState(verdict);
  const because = reason(verdict);
  const pending = order?.events.filter((event) => event.place === "pending").length ?? 0;
  const held = holds(state);
  const absence = onAbsence(verdict);
  const title = <Fill text={words.title[state]} values={{ date: <span class="unbroken">{date}</span> }} />;
  return (
    <Card tone={TONES[state]} icon={ICONS[state]} title={title}>
      {held && order !== null && (
        <p class="lifecycle">{fill(words.lifecycle, { state: lifecycleName(order.lifecycle, texts) })}</p>
      )}
      <p>{absence && state === "could_not_check" ? texts.problem.unknown_code.text : fill(words.text[state], { date })}</p>
      {state === "test_data" && <p>{fill(words.testUnchanged, { date })}</p>}
      <Complete verdict={verdict} />
      {because !== null && state !== "malformed" && (
        <p class="because">
          <Fill text={words.because} values={{ reason: <strong>{codeText(because, texts)}</strong> }} />
        </p>
      )}
      {held && pending > 0 && (
        <p class="pending-note">
          {fill(pending === 1 ? words.pendingCount.one : words.pendingCount.other, { count: pending })}
        </p>
      )}
      {!held && <Again label={words.retry} retry={retry} />}
    </Card>
  );
}

/** Whether all steps are there. */
function Complete({ verdict }: { verdict: Verdict }): VNode | null {
  const texts = useTexts();
  const words = texts.verdict;
  const whole = completeness(verdict);
  if (whole !== null) {
    const { count, block } = whole;
    return (
      <p class="complete">
        <Icon name="check" />
        <span>
          <strong>{fill(count === 1 ? words.complete.one : words.complete.other, { count })}</strong>{" "}
          <span class="quiet">{fill(words.completeAsOf, { number: block.number, date: blockTime(block.timestamp, texts.locale) })}</span>
        </span>
      </p>
    );
  }
  if (!verdict.checks.some(({ code }) => code === "withheld")) return null;
  return (
    <p class="complete open">
      <Icon name="question" />
      <span>{words.withheld}</span>
    </p>
  );
}

function Card(props: { tone: Tone; icon: IconName; title: ComponentChildren; children: ComponentChildren }): VNode {
  return (
    <div class={`card verdict tone-${props.tone}`}>
      <div class="seal">
        <Icon name={props.icon} />
      </div>
      <div class="words">
        <h1>{props.title}</h1>
        {props.children}
      </div>
    </div>
  );
}

function Again({ label, retry }: { label: string; retry: (() => void) | null }): VNode | null {
  if (retry === null) return null;
  return (
    <button type="button" class="again" onClick={retry}>
      {label}
    </button>
  );
}

function Working({ step, slow }: { step: (typeof STEPS)[number]; slow: boolean }): VNode {
  const { progress } = useTexts();
  const now = STEPS.indexOf(step);
  return (
    <div class="card verdict working" aria-busy="true">
      <div class="seal">
        <span class="spinner" />
      </div>
      <div class="words">
        <h1>{progress.heading}</h1>
        <ol class="steps">
          {STEPS.map((name, at) => (
            <li key={name} class={at < now ? "done" : at === now ? "now" : "ahead"} aria-current={at === now ? "step" : undefined}>
              {progress.steps[name]}
            </li>
          ))}
        </ol>
        {slow && <p>{progress.slow}</p>}
      </div>
    </div>
  );
}

/** A code of SPEC 15 in words; the verifier's own sentence for a code that this page does not know. */
export function codeText(check: Check, texts: Texts): string {
  if (check.check === "format") return texts.checks.codes.malformed;
  return (check.code === null ? undefined : wordsFor(texts.checks.codes, check.code)) ?? (check.detail || texts.verdict.unnamedReason);
}

export function lifecycleName(state: string, texts: Texts): string {
  return wordsFor(texts.lifecycles, state) ?? state;
}

function sinceWhen(verdict: Verdict, texts: Texts): string {
  const block = standsSince(verdict);
  return block === null ? "" : blockTime(block.timestamp, texts.locale);
}
