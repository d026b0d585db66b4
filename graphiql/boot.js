// Starts GraphiQL on /graphiql. The server says in data-mode whether this is the
// sandbox (the demo purchase, demo tokens) or live (one empty tab, headers never
// stored). Anything but "sandbox" counts as live.
//
// In the sandbox the tabs run one after another without copying ids by hand:
//
//   "$productId", "$supplierId", "$orderId", "$quoteId" …
//       A variable that is exactly one of these texts is replaced before sending
//       with the id last seen in a result (tabs.js: PLACEHOLDERS). The ids are
//       kept in localStorage, so a reload or a second window knows them too. If
//       the id isn't known yet, nothing is sent: the response names the tab to
//       run first.
//   "$fresh:something"
//       becomes "something-" and a random text, new on every run (idempotency keys).
//   "$inDays:60"
//       becomes the time of the sandbox's own clock, so many days later.
//   "$here:/path"
//       becomes an address of this server, as the browser has it.
//
// A result that asks the buyer to approve a payment shows a link to the checkout
// page at the bottom of the window.

import { LIVE_TABS, PLACEHOLDERS, SANDBOX_TABS } from './tabs.js';

const { React, ReactDOM, GraphiQL } = window;
const root = document.getElementById('graphiql');
const sandbox = root.dataset.mode === 'sandbox';
const tabs = sandbox ? SANDBOX_TABS : LIVE_TABS;

// Storage. GraphiQL prefers the tabs a browser has stored over defaultTabs, so the
// namespace depends on the tab list: once the list changes, the new tabs appear.

const PREFIX = 'secure-payment-graphiql:';

function namespaceFor(mode, tabs) {
  let hash = 0;
  for (const char of JSON.stringify(tabs)) hash = (Math.imul(hash, 31) + char.codePointAt(0)) | 0;
  return `${PREFIX}${mode}-${(hash >>> 0).toString(16)}`;
}

const namespace = namespaceFor(sandbox ? 'sandbox' : 'live', tabs);
for (const key of Object.keys(localStorage)) {
  if (key.startsWith(PREFIX) && !key.startsWith(`${namespace}:`)) localStorage.removeItem(key);
}

// GraphiQL's own storage, with two corrections:
//
// GraphiQL starts its editors from stored query, variables and headers, and adds a
// tab if they match none. They may lag behind the stored tabs (and are missing on
// the first visit), so they are answered from the active tab itself.
//
// GraphiQL's history stores headers even if shouldPersistHeaders is false. In live
// they hold real tokens, so they are left out.
function tabStorage() {
  const storage = GraphiQL.createLocalStorage({ namespace });
  const { getItem, setItem } = storage;

  storage.getItem = key => {
    const editor = key.match(/^graphiql:(query|variables|headers)$/)?.[1];
    if (!editor) return getItem(key);
    let state;
    try {
      state = JSON.parse(getItem('graphiql:tabState'));
    } catch {
      // Damaged: GraphiQL falls back to defaultTabs as well.
    }
    state ??= { tabs, activeTabIndex: 0 };
    return state.tabs?.[state.activeTabIndex]?.[editor] ?? null;
  };

  if (!sandbox) {
    const withoutHeaders = (name, value) => (name === 'headers' ? undefined : value);
    storage.setItem = (key, value) => {
      const history = /^graphiql:(queries|favorites)$/.test(key);
      setItem(key, history ? JSON.stringify(JSON.parse(value), withoutHeaders) : value);
    };
  }
  return storage;
}

// Placeholders.

class NotKnownYet extends Error {}

const REMEMBERED = `${namespace}:remembered`;

const recall = () => JSON.parse(localStorage.getItem(REMEMBERED) ?? '{}');

function remember(data) {
  const known = recall();
  for (const [name, { find }] of Object.entries(PLACEHOLDERS)) {
    known[name] = find(data) ?? known[name];
  }
  localStorage.setItem(REMEMBERED, JSON.stringify(known));
}

// Not crypto.randomUUID(): browsers offer it on https and localhost only.
function randomText() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
}

// Asked only when a variable needs it.
async function sandboxClock() {
  const query = JSON.stringify({ query: '{ sandboxClock }' });
  const answer = await fetch('/graphql', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: query });
  return new Date((await answer.json()).data.sandboxClock);
}

function fill(value, clock) {
  if (Array.isArray(value)) return value.map(inner => fill(inner, clock));
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner, clock)]));
  }
  if (typeof value !== 'string' || !value.startsWith('$')) return value;

  const name = value.slice(1);
  if (name.startsWith('fresh:')) return `${name.slice('fresh:'.length)}-${randomText()}`;
  if (name.startsWith('inDays:')) {
    return new Date(clock.getTime() + Number(name.slice('inDays:'.length)) * 86_400_000).toISOString();
  }
  if (name.startsWith('here:')) return new URL(name.slice('here:'.length), location.href).href;
  if (!Object.hasOwn(PLACEHOLDERS, name)) return value;
  const id = recall()[name];
  if (id === undefined) {
    throw new NotKnownYet(`"${value}" is not known yet: run the tab ${PLACEHOLDERS[name].tab} first.`);
  }
  return id;
}

// The link to the checkout page.

let bar;

function hideCheckout() {
  bar?.remove();
  bar = undefined;
}

function showCheckout(address) {
  const url = new URL(address, location.href);
  if (!['http:', 'https:'].includes(url.protocol)) return;

  const text = document.createElement('span');
  text.textContent = 'The buyer has to pay now. Then run Order.';
  const link = document.createElement('a');
  link.href = url.href;
  link.target = '_blank';
  link.rel = 'noopener';
  link.textContent = 'Open the checkout page';
  const close = document.createElement('button');
  close.type = 'button';
  close.textContent = '✕';
  close.setAttribute('aria-label', 'Hide');
  close.addEventListener('click', hideCheckout);

  hideCheckout();
  bar = document.createElement('div');
  bar.className = 'checkout';
  bar.setAttribute('role', 'status');
  bar.append(text, link, close);
  document.body.append(bar);
}

function offerCheckout(data) {
  const action = data.payOrder?.payment?.nextAction;
  const url = action?.url ?? action?.page;
  if (url) showCheckout(url);
  else if (Number(data.order?.escrow?.captured?.amount) > 0) hideCheckout(); // paid
}

// Fetcher. createFetcher sends a subscription's headers as the parameters of
// graphql-ws's connection_init.

const socket = new URL('/graphql/ws', location.href);
socket.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';

const send = GraphiQL.createFetcher({
  url: '/graphql',
  subscriptionUrl: socket.href,
  enableIncrementalDelivery: false, // plain JSON answers, not a stream of parts
});

async function sandboxFetcher(params, options) {
  let variables;
  try {
    const needsClock = JSON.stringify(params.variables ?? {}).includes('"$inDays:');
    variables = fill(params.variables, needsClock ? await sandboxClock() : undefined);
  } catch (error) {
    if (error instanceof NotKnownYet) return { errors: [{ message: error.message }] };
    throw error;
  }
  const result = await send({ ...params, variables }, options);
  if (result?.data) {
    remember(result.data);
    offerCheckout(result.data);
  }
  return result;
}

ReactDOM.createRoot(root).render(
  React.createElement(GraphiQL, {
    fetcher: sandbox ? sandboxFetcher : send,
    storage: tabStorage(),
    defaultTabs: tabs,
    defaultQuery: '', // of further tabs
    defaultEditorToolsVisibility: 'headers',
    shouldPersistHeaders: sandbox,
  }),
);
