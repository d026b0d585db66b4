// What the checks share: where the server is, how a line is said, and the demo purchase in a few calls.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

export const SERVER = process.env.SECURE_PAYMENT_URL;
export const SOCKET = `${SERVER?.replace(/^http/, 'ws')}/graphql/ws`;

const sleep = milliseconds => new Promise(awake => setTimeout(awake, milliseconds));

export const ok = said => console.log(`ok    ${said}`);

/** Ends the check's process if it hangs. */
export function within(seconds) {
  setTimeout(() => {
    console.error(`FAIL  nothing more happened for ${seconds} seconds`);
    process.exit(1);
  }, seconds * 1000).unref();
}

/** The data of an answer without errors. */
export async function ask(token, query, variables = {}) {
  const answer = await fetch(`${SERVER}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  assert(!errors, JSON.stringify(errors));
  for (const [name, payload] of Object.entries(data)) {
    assert(!payload?.errors?.length, `${name}: ${JSON.stringify(payload?.errors)}`);
  }
  return data;
}

export async function firstProduct() {
  const data = await ask('demo-buyer', '{ products(search: "led strip", first: 1) { nodes { id name supplier { id } } } }');
  return data.products.nodes[0];
}

export const BUY_NOW = `mutation BuyNow($input: BuyNowInput!) {
  buyNow(input: $input) { order { id status } errors { code message path } } }`;

/** The variables of BUY_NOW. */
export async function cart() {
  return {
    input: {
      idempotencyKey: randomUUID(),
      productId: (await firstProduct()).id,
      quantity: 20,
      shippingAddress: { name: 'Loja', line1: 'Rua 1', city: 'Recife', postalCode: '50010-000', country: 'BR' },
    },
  };
}

/** An order of demo-buyer's that waits to be confirmed. */
export async function buy() {
  return (await ask('demo-buyer', BUY_NOW, await cart())).buyNow.order.id;
}

export async function confirm(orderId) {
  await ask(
    'demo-buyer',
    'mutation ($id: ID!) { confirmOrder(input: { orderId: $id, contractVersion: 1 }) { errors { code message path } } }',
    { id: orderId },
  );
}

/** Pays by card and approves on the simulated bank's page. The money arrives a moment later. */
export async function pay(orderId) {
  const { payOrder } = await ask(
    'demo-buyer',
    `mutation ($input: PayOrderInput!) { payOrder(input: $input) {
       payment { nextAction { ... on RedirectAction { url } } } errors { code message path } } }`,
    { input: { idempotencyKey: randomUUID(), orderId, method: 'VISA' } },
  );
  const page = await fetch(payOrder.payment.nextAction.url, {
    method: 'POST',
    body: new URLSearchParams({ decision: 'approve' }),
  });
  assert(page.ok, `the payment page answers ${page.status}`);
}

export const ship = orderId =>
  ask(
    'demo-supplier',
    `mutation ($id: ID!) { shipOrder(input: { orderId: $id, carrier: "DHL", trackingNumber: "1" }) {
       errors { code message path } } }`,
    { id: orderId },
  );

export const cancel = orderId =>
  ask('demo-buyer', 'mutation ($id: ID!) { cancelOrder(input: { orderId: $id }) { errors { code message path } } }', {
    id: orderId,
  });

/** The cursor of an order's first event. An event has its place among all a moment after it was committed. */
export async function firstCursor(orderId) {
  for (;;) {
    const { orderEvents } = await ask(
      'demo-buyer',
      'query ($orderId: ID!) { orderEvents(orderId: $orderId, first: 1) { nodes { sequence } pageInfo { endCursor } } }',
      { orderId },
    );
    if (orderEvents.nodes.length > 0) return orderEvents.pageInfo.endCursor;
    await sleep(50);
  }
}
