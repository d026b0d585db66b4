// npm and PyPI standardwebhooks: both verifiers accept what an endpoint receives (a test event and an order's events), with
// the only secret, and with the old and with the new one while the secret is being replaced. A changed body and another
// secret are refused.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { Webhook } from 'standardwebhooks';
import { ask, buy, confirm, ok, pay, within } from '../lib.mjs';

within(90);

const deliveries = []; // { headers, body }, in the order of their arrival
let arrived = () => {};
const receiver = createServer((request, response) => {
  const chunks = [];
  request.on('data', chunk => chunks.push(chunk));
  request.on('end', () => {
    deliveries.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
    response.writeHead(204).end();
    arrived();
  });
});
await new Promise(listening => receiver.listen(0, '127.0.0.1', listening));

/** The first delivery that fits, when it has come. */
async function delivery(fits) {
  for (;;) {
    const found = deliveries.find(({ headers, body }) => fits(JSON.parse(body), headers['webhook-id']));
    if (found) return found;
    await new Promise(again => (arrived = again));
  }
}

// The Python verifier reads one JSON line for each question, and answers a line: the event's type, or why not.
const python = spawn(process.env.PYTHON, [fileURLToPath(new URL('../python/verify.py', import.meta.url))], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const answers = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
async function inPython(secret, { headers, body }) {
  python.stdin.write(`${JSON.stringify({ secret, headers, body })}\n`);
  const { type, refused } = JSON.parse((await answers.next()).value);
  if (refused) throw new Error(refused);
  return { type };
}
const inNode = async (secret, { headers, body }) => new Webhook(secret).verify(body, headers);

async function accepted(secrets, delivery) {
  for (const verify of [inNode, inPython]) {
    for (const secret of secrets) assert.equal((await verify(secret, delivery)).type, JSON.parse(delivery.body).type);
  }
}
async function refused(secret, delivery) {
  for (const verify of [inNode, inPython]) await assert.rejects(verify(secret, delivery), /No matching signature/);
}

const ENDPOINT = `mutation ($input: CreateWebhookEndpointInput!) {
  createWebhookEndpoint(input: $input) { endpoint { id } secret errors { code message path } } }`;
const TEST = `mutation ($id: ID!) {
  sendTestEvent(input: { endpointId: $id }) { delivery { id eventId } errors { code message path } } }`;
const ROTATE = `mutation ($id: ID!) {
  rotateWebhookSecret(input: { endpointId: $id, oldSecretHours: 1 }) { secret errors { code message path } } }`;
const DELETE = `mutation ($id: ID!) {
  deleteWebhookEndpoint(input: { endpointId: $id }) { deletedEndpointId errors { code message path } } }`;

const url = `http://127.0.0.1:${receiver.address().port}/`;
const { createWebhookEndpoint } = await ask('demo-storefront', ENDPOINT, { input: { idempotencyKey: randomUUID(), url } });
const { endpoint, secret } = createWebhookEndpoint;
const test = async () => {
  const { sendTestEvent } = await ask('demo-storefront', TEST, { id: endpoint.id });
  return delivery((_event, id) => id === sendTestEvent.delivery.eventId);
};

const first = await test();
await accepted([secret], first);
ok(`a test event, verified by npm and PyPI: ${JSON.parse(first.body).type}`);

await refused(secret, { ...first, body: first.body.replace('endpoint.test', 'order.funded') });
const other = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
await refused(other, first);
ok('a changed body and another secret are refused by both');

const orderId = await buy();
await confirm(orderId);
await pay(orderId);
await delivery(event => event.type === 'order.funded' && event.data.orderId === orderId);
const story = deliveries.filter(({ body }) => JSON.parse(body).data.orderId === orderId);
for (const each of story) await accepted([secret], each);
const sequences = story.map(({ body }) => JSON.parse(body).data.sequence);
assert.deepEqual(sequences, sequences.map((_, index) => index + 1));
for (const { headers, body } of story) assert.equal(headers['webhook-id'], JSON.parse(body).data.id);
ok(`an order's events, verified by both, in order: ${sequences.join(' ')}`);

const { rotateWebhookSecret } = await ask('demo-storefront', ROTATE, { id: endpoint.id });
assert.notEqual(rotateWebhookSecret.secret, secret);
await accepted([secret, rotateWebhookSecret.secret], await test());
ok('during rotation the old and the new secret verify, in both');

await ask('demo-storefront', DELETE, { id: endpoint.id });
python.stdin.end();
receiver.close();
receiver.closeAllConnections();
