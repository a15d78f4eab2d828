/** The story: each step with who says so, where, when, and how firmly it is recorded. */

import type { VNode } from "preact";

import { type Texts, wordsFor } from "../i18n/index.ts";
import { PARTIES } from "../i18n/texts.ts";
import type { EventShown, Verdict } from "../protocol/verdict.ts";
import { blockTime, countryName, eventTime } from "./dates.ts";
import { Files } from "./files.tsx";
import { Items } from "./order.tsx";
import { Fill, fill, Icon, Reported, Row, useTexts } from "./parts.tsx";
import type { CheckedRecord } from "./session.ts";
import { erasedNames, fieldText, itemsOf, maskedRecipient, otherFields, readingsOf, resultOf } from "./story.ts";

/** Names for the public keys of those who sign (hex), as the policy gives them. */
export type ActorNames = ReadonlyMap<string, string>;

export function Timeline({ record, actors }: { record: CheckedRecord; actors: ActorNames }): VNode | null {
  const texts = useTexts();
  const { order } = record.verdict;
  if (order === null) return null;
  return (
    <section class="card story" aria-labelledby="story">
      <h2 id="story">{texts.timeline.heading}</h2>
      <ol class="timeline">
        {order.events.map((event, at) => (
          <Step key={at} event={event} first={at === 0} record={record} actors={actors} />
        ))}
      </ol>
    </section>
  );
}

function Step(props: { event: EventShown; first: boolean; record: CheckedRecord; actors: ActorNames }): VNode {
  const texts = useTexts();
  const words = texts.timeline;
  const { event, record } = props;
  const masked = fieldText(event, "recipient.masked") ?? (record.verdict.order && maskedRecipient(record.verdict.order));
  const place = placeOf(event, texts);
  const note = fieldText(event, "note");
  const device = fieldText(event, "device");
  return (
    <li class={`step ${event.place}`}>
      <h3>{typeName(event.type, texts)}</h3>
      <p class="when-where">
        {event.occurred_at !== null && <span class="when">{eventTime(event.occurred_at, texts.locale)}</span>}
        {place !== null && (
          <span class="where">
            <Reported text={place} />
          </span>
        )}
      </p>
      <p class="who">
        <Who event={event} actors={props.actors} />
      </p>
      {event.flags.map((flag) => (
        <p class="flag" key={flag}>
          <Icon name="alert" />
          {flag === "late" ? words.late : words.unexpected}
        </p>
      ))}
      {device !== null && (
        <p>
          <Fill text={event.type === "signed" ? words.device : words.deviceOther} values={{ device: <Reported text={device} /> }} />
        </p>
      )}
      <Files event={event} recipient={masked} files={record.files} />
      <Readings event={event} />
      {note !== null && (
        <p class="note">
          <Reported text={note} />
        </p>
      )}
      <Erased event={event} />
      <Recorded event={event} verdict={record.verdict} />
      <More event={event} first={props.first} />
    </li>
  );
}

function Who({ event, actors }: { event: EventShown; actors: ActorNames }): VNode {
  const texts = useTexts();
  const words = texts.timeline;
  const role = event.actor_role === null ? null : roleName(event.actor_role, texts);
  const reported = fieldText(event, "actor.name");
  if (event.said === "signed" && event.signed_by !== null) {
    const name = actors.get(event.signed_by);
    if (name === undefined) {
      return <Fill text={words.signedByUnnamed} values={{ key: <code>{event.signed_by.slice(0, 16)}…</code> }} />;
    }
    return (
      <strong>
        <Fill text={words.signedBy} values={{ name: <Reported text={name} /> }} />
      </strong>
    );
  }
  if (reported === null) return <Fill text={words.reportedByRole} values={{ role: <Reported text={role ?? words.unsaid} /> }} />;
  return (
    <Fill
      text={words.reportedBy}
      values={{ name: <Reported text={reported} />, role: <Reported text={role ?? words.unsaid} /> }}
    />
  );
}

/** How firmly the step is recorded. */
function Recorded({ event, verdict }: { event: EventShown; verdict: Verdict }): VNode {
  const texts = useTexts();
  const words = texts.timeline;
  if (event.place === "pending" || event.block === null) {
    return (
      <p class="recorded pending">
        <Icon name="clock" />
        {words.recorded}
      </p>
    );
  }
  const trusted = resultOf(verdict, "block") === "VALID" && verdict.state !== "altered";
  return (
    <p class="recorded">
      <Icon name={trusted ? "check" : "question"} />
      {fill(trusted ? words.anchored : words.anchoredUntrusted, {
        number: event.block.number,
        time: blockTime(event.block.timestamp, texts.locale),
      })}
    </p>
  );
}

function Readings({ event }: { event: EventShown }): VNode | null {
  const texts = useTexts();
  const readings = readingsOf(event);
  if (readings.length === 0) return null;
  return (
    <dl class="readings" aria-label={texts.timeline.sensor}>
      {readings.map((reading, at) => (
        <div class="row" key={at}>
          <dt>
            <Reported text={wordsFor(texts.sensors, reading.kind) ?? reading.kind} />
          </dt>
          <dd>
            <Reported text={reading.value} />
            {reading.time !== null && <span class="quiet">{eventTime(reading.time, texts.locale)}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Erased({ event }: { event: EventShown }): VNode | null {
  const texts = useTexts();
  const names = erasedNames(event);
  if (names.length === 0) return null;
  return (
    <p>
      <Fill
        text={texts.timeline.erased}
        values={{ names: <Reported text={names.map((name) => fieldName(name, texts)).join(", ")} /> }}
      />
    </p>
  );
}

/** What has no place of its own in the card, and the names of what is hidden. */
function More({ event, first }: { event: EventShown; first: boolean }): VNode | null {
  const texts = useTexts();
  const words = texts.timeline;
  const others = otherFields(event);
  const items = first ? [] : itemsOf(event);
  const hidden = event.hidden.length;
  if (others.length === 0 && items.length === 0 && hidden === 0) return null;
  return (
    <details class="more">
      <summary>{hidden === 0 ? words.more : fill(words.moreHidden, { count: hidden })}</summary>
      {items.length > 0 && <Items items={items} />}
      <dl>
        {others.map(([name, value]) => (
          <Row name={fieldName(name, texts)} key={name}>
            <Reported text={value} />
          </Row>
        ))}
      </dl>
      {hidden > 0 && (
        <>
          <h4>{words.hidden}</h4>
          <ul class="hidden-fields">
            {event.hidden.map((name) => (
              <li key={name}>{fieldName(name, texts)}</li>
            ))}
          </ul>
          <p class="quiet">{words.hiddenWhy}</p>
        </>
      )}
    </details>
  );
}

function typeName(type: string | null, texts: Texts): string {
  return type === null ? texts.timeline.unsaid : (wordsFor(texts.timeline.types, type) ?? type);
}

function roleName(role: string, texts: Texts): string {
  return wordsFor(texts.timeline.roles, role) ?? role.replaceAll("_", " ");
}

/** A field's name in words; names of the table's families (`buyer.phone`) from their two halves. */
export function fieldName(name: string, texts: Texts): string {
  const whole = wordsFor(texts.fields, name);
  if (whole !== undefined) return whole;
  const [family, member] = name.split(".");
  const party = PARTIES.find((one) => one === family);
  const part = member === undefined ? undefined : wordsFor(texts.partyFields, member);
  return party !== undefined && part !== undefined ? fill(texts.partyField, { party: texts.parties[party], field: part }) : name;
}

function placeOf(event: EventShown, texts: Texts): string | null {
  const name = fieldText(event, "location.name");
  const code = fieldText(event, "location.country");
  const country = code === null ? null : countryName(code, texts.locale);
  const parts = [name, country].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join(" · ");
}
