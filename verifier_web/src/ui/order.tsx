/** Product and order, as the newest recorded steps have them. */

import type { VNode } from "preact";

import type { OrderShown } from "../protocol/verdict.ts";
import { Reported, Row, useTexts } from "./parts.tsx";
import { type Item, maskedRecipient, newestItems } from "./story.ts";
import { lifecycleName } from "./verdict.tsx";

export function Order({ order }: { order: OrderShown }): VNode {
  const texts = useTexts();
  const words = texts.order;
  const items = newestItems(order);
  const recipient = maskedRecipient(order);
  return (
    <section class="card order" aria-labelledby="order">
      <h2 id="order">{words.heading}</h2>
      {items.length === 0 ? <p>{words.noItems}</p> : <Items items={items} />}
      <dl>
        <Row name={words.brand}>
          <Reported text={order.tenant_name} />
        </Row>
        <Row name={words.number}>
          <Reported text={order.order_id} />
        </Row>
        <Row name={words.status}>{lifecycleName(order.lifecycle, texts)}</Row>
        <Row name={words.recipient}>{recipient === null ? null : <Reported text={recipient} />}</Row>
      </dl>
    </section>
  );
}

export function Items({ items }: { items: readonly Item[] }): VNode {
  const { order: words } = useTexts();
  return (
    <ul class="items">
      {items.map((item, at) => (
        <li key={at}>
          <p class="item-name">
            <Reported text={item.name} />
          </p>
          <dl class="item-facts">
            <Fact name={words.quantity} value={item.quantity} />
            <Fact name={words.serial} value={item.serial} />
            <Fact name={words.lot} value={item.lot} />
            <Fact name={words.gtin} value={item.gtin} />
          </dl>
        </li>
      ))}
    </ul>
  );
}

function Fact({ name, value }: { name: string; value: string | null }): VNode | null {
  return value === null ? null : (
    <Row name={name}>
      <Reported text={value} />
    </Row>
  );
}
