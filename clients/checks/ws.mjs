// npm graphql-ws: queries and mutations over the socket, a subscription that is cut off and goes on from its cursor
// without a gap or a repetition, and what a wrong token is told.
import assert from 'node:assert/strict';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { BUY_NOW, SOCKET, buy, cancel, cart, confirm, firstCursor, ok, pay, within } from '../lib.mjs';

within(60);
const client = (token, options = {}) =>
  createClient({
    url: SOCKET,
    webSocketImpl: WebSocket,
    connectionParams: token && { Authorization: `Bearer ${token}` },
    retryAttempts: 0,
    ...options,
  });
const only = async (on, payload) => {
  for await (const result of on.iterate(payload)) return result;
  throw new Error('no result');
};

const buyer = client('demo-buyer', { lazyCloseTimeout: 10_000 });
const { data } = await only(buyer, { query: '{ viewer { role } }' });
assert.equal(data.viewer.role, 'BUYER');
ok('a query over the socket');

const bought = await only(buyer, { query: BUY_NOW, variables: await cart() });
assert.equal(bought.data.buyNow.order.status, 'AWAITING_CONFIRMATION');
ok('a mutation over the socket');

await assert.rejects(only(buyer, { query: '{ noSuchField }' }), problem => Array.isArray(problem));
ok('an invalid document is an error message, not a result');

const orderId = await buy();
const query = `subscription ($after: String, $orderId: ID) {
  orderEvents(after: $after, orderId: $orderId) { type sequence cursor } }`;

const start = await firstCursor(orderId);
let after = start;
const sequences = [1];

/** Reads events until one has this type, then cuts the connection as a broken network does. */
async function readUntil(type) {
  let transport;
  const cut = client('demo-buyer', { on: { opened: socket => (transport = socket) } });
  for await (const { data } of cut.iterate({ query, variables: { after, orderId } })) {
    after = data.orderEvents.cursor;
    sequences.push(data.orderEvents.sequence);
    if (data.orderEvents.type === type) {
      transport.terminate();
      return;
    }
  }
}

const confirmed = readUntil('order.confirmed');
await confirm(orderId);
await confirmed;
await pay(orderId); // while nobody listens
await readUntil('order.funded');
assert.deepEqual(sequences, sequences.map((_, index) => index + 1));
assert(sequences.length >= 5, `only ${sequences.length} events`);
ok(`events from a cursor on, over two connections: ${sequences.join(' ')}`);

// graphql-ws' own retry: the connection breaks, the library connects again, and new events go on coming.
const second = await buy();
let connections = 0;
const lasting = client('demo-buyer', {
  retryAttempts: 3,
  retryWait: async () => {},
  shouldRetry: () => true,
  on: {
    opened: socket => {
      connections += 1;
      if (connections === 1) setTimeout(() => socket.terminate(), 50);
    },
    connected: () => connections === 2 && cancel(second),
  },
});
const seen = [];
const fromStart = { query, variables: { orderId: second, after: start } };
for await (const { data } of lasting.iterate(fromStart)) {
  seen.push(data.orderEvents.type);
  if (data.orderEvents.type === 'order.cancelled') break;
}
assert.equal(connections, 2);
assert.equal(seen.at(-1), 'order.cancelled');
ok('the library connects again by itself');

await assert.rejects(only(client('no-such-token'), { query: '{ __typename }' }), { code: 4403 });
ok('a wrong token is closed with 4403');

for (const each of [buyer, lasting]) await each.dispose();
process.exit(); // the socket's idle time
