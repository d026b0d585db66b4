// relay-runtime executes what relay-compiler made: pages of a connection, refetching by node(id:), mutations that update the
// store, and a subscription.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { createClient } from 'graphql-ws';
import relay from 'relay-runtime';
import WebSocket from 'ws';
import { SERVER, SOCKET, cart, firstCursor, ok, within } from '../lib.mjs';

within(60);
const { Environment, Network, Observable, RecordSource, Store, commitMutation, fetchQuery, requestSubscription } = relay;
const { createOperationDescriptor, getRequest, getSingularSelector } = relay;
const artifact = name => createRequire(import.meta.url)(`../generated/relay/${name}.graphql.js`);

const headers = { authorization: 'Bearer demo-buyer' };
const socket = createClient({ url: SOCKET, webSocketImpl: WebSocket, connectionParams: headers });
const network = Network.create(
  async ({ text: query }, variables) => {
    const answer = await fetch(`${SERVER}/graphql`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    return answer.json();
  },
  ({ text: query }, variables) => Observable.create(sink => socket.subscribe({ query, variables }, sink)),
);
const environment = new Environment({ network, store: new Store(new RecordSource()) });

const run = (name, variables) => {
  const query = artifact(name);
  environment.retain(createOperationDescriptor(getRequest(query), variables));
  return fetchQuery(environment, query, variables).toPromise();
};
const mutate = (name, variables) =>
  new Promise((onCompleted, onError) =>
    commitMutation(environment, { mutation: artifact(name), variables, onCompleted, onError }),
  );
const read = (fragment, key) => environment.lookup(getSingularSelector(artifact(fragment), key)).data;

const search = 'led strip';
const root = await run('CatalogueQuery', { search });
const { products } = read('Catalogue_query', root);
assert.equal(products.edges.length, 2);
assert(products.pageInfo.hasNextPage);
await run('CataloguePageQuery', { search, count: 2, cursor: products.pageInfo.endCursor });
const ids = read('Catalogue_query', root).products.edges.map(({ node }) => node.id);
assert.equal(new Set(ids).size, 4);
ok('a @connection, two pages in the store');

const { node } = await run('CatalogueProductQuery', { id: ids[0] });
assert(read('Catalogue_product', node).supplier.name);
ok('a fragment refetched by node(id:)');

const { buyNow } = await mutate('CatalogueBuyMutation', await cart());
const { id } = buyNow.order;
assert.equal((await run('CatalogueOrderQuery', { id })).node.status, 'AWAITING_CONFIRMATION');

// From the order's first event on, so that it does not matter when the socket is open.
const after = await firstCursor(id);
const seen = new Promise((onNext, onError) =>
  requestSubscription(environment, {
    subscription: artifact('CatalogueEventsSubscription'),
    variables: { orderId: id, after },
    onNext: ({ orderEvents }) => orderEvents.type === 'order.confirmed' && onNext(orderEvents),
    onError,
  }),
);
await mutate('CatalogueConfirmMutation', { input: { orderId: id, contractVersion: 1 } });
const order = environment.getStore().getSource().get(id);
assert.equal(order.status, 'AWAITING_PAYMENT');
ok('a mutation, and the store knows the order by its id');

assert.equal((await seen).type, 'order.confirmed');
ok('a subscription');
await socket.dispose();
process.exit(); // the store's timers
