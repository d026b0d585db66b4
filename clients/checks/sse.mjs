// npm graphql-sse, in its mode of distinct connections: a query, and a subscription that is cut off and goes on from its
// cursor without a gap or a repetition; a wrong token is refused.
import assert from 'node:assert/strict';
import { createClient } from 'graphql-sse';
import { SERVER, buy, confirm, firstCursor, ok, pay, within } from '../lib.mjs';

within(60);
const client = (token, options = {}) =>
  createClient({
    url: `${SERVER}/graphql/stream`,
    headers: { Authorization: `Bearer ${token}` },
    retryAttempts: 0,
    ...options,
  });

const buyer = client('demo-buyer');
for await (const { data } of buyer.iterate({ query: '{ viewer { role } }' })) assert.equal(data.viewer.role, 'BUYER');
ok('a query over a stream');

const orderId = await buy();
const query = `subscription ($after: String, $orderId: ID) {
  orderEvents(after: $after, orderId: $orderId) { type sequence cursor } }`;
let after = await firstCursor(orderId);
const sequences = [1];

/** Reads events until one has this type, then drops the connection. */
async function readUntil(type) {
  for await (const { data } of buyer.iterate({ query, variables: { after, orderId } })) {
    after = data.orderEvents.cursor;
    sequences.push(data.orderEvents.sequence);
    if (data.orderEvents.type === type) return;
  }
  throw new Error(`the stream ended before ${type}`);
}

const confirmed = readUntil('order.confirmed');
await confirm(orderId);
await confirmed;
await pay(orderId); // while nobody listens
await readUntil('order.funded');
assert.deepEqual(sequences, sequences.map((_, index) => index + 1));
assert(sequences.length >= 5, `only ${sequences.length} events`);
ok(`events from a cursor on, over two connections: ${sequences.join(' ')}`);

const denied = client('no-such-token').iterate({ query: '{ __typename }' });
await assert.rejects(denied.next(), problem => problem.response?.status === 401);
ok('a wrong token is refused with 401');
buyer.dispose();
