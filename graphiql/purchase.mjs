// Makes the whole demo purchase on the GraphiQL page, in a real browser, the way a
// person does it: click a tab, press the run button, read the answer.
//
//   (cd browser && npm ci) && node purchase.mjs http://127.0.0.1:8080 [screenshot-dir]
//
// Chromium: /usr/bin/chromium, or the path in CHROMIUM. Exits 1 with the reason at
// the first step that fails, and if anything asked for another host, broke the
// Content-Security-Policy, or cost a quarter of what one request may cost.
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { SANDBOX_TABS } from './tabs.js';

const fromBrowser = createRequire(new URL('./browser/package.json', import.meta.url));
const { chromium } = fromBrowser('playwright-core');

const [base = 'http://127.0.0.1:8080', shots] = process.argv.slice(2);
const ANSWER_MS = 15_000; // the longest wait for one answer
const FUNDED_MS = 60_000; // the longest wait for the payment to arrive

// Every problem that must fail the run even though the step itself went on.
const problems = new Set();
const problem = text => problems.add(text.length > 400 ? `${text.slice(0, 400)}…` : text);

class StepFailed extends Error {}
function must(condition, message) {
  if (!condition) throw new StepFailed(message);
}

const isLocal = address => {
  const { protocol, hostname } = new URL(address);
  return ['data:', 'blob:', 'about:'].includes(protocol) || ['127.0.0.1', 'localhost'].includes(hostname);
};

function watch(page) {
  page.on('request', request => {
    if (!isLocal(request.url())) problem(`external request: ${request.url()}`);
  });
  page.on('websocket', socket => {
    if (!isLocal(socket.url())) problem(`external WebSocket: ${socket.url()}`);
  });
  page.on('pageerror', error => problem(`script error on ${page.url()}: ${error.message}`));
  page.on('console', message => {
    if (message.type() !== 'error') return;
    const text = message.text();
    if (/content.security.policy/i.test(text)) problem(`CSP: ${text}`);
    else console.log(`      (console error: ${text})`);
  });
}

async function openGraphiql(context) {
  const page = await context.newPage();
  await page.goto(new URL('/graphiql', base).href);
  await page.getByRole('button', { name: /^Execute query/ }).waitFor();
  return page;
}

const titleOf = tab => tab.query.match(/^(?:query|mutation|subscription) (\w+)/m)[1];

const paneText = (page, pane) =>
  page.locator(`${pane} .CodeMirror`).evaluate(element => element.CodeMirror.getValue());

async function openTab(page, name) {
  await page.getByRole('button', { name, exact: true }).click();
  await page.locator('.graphiql-tab-active', { hasText: name }).waitFor();
  const wanted = SANDBOX_TABS.find(tab => titleOf(tab) === name);
  // GraphiQL parses the operation a tenth of a second after the tab is shown.
  await page.waitForFunction(
    ({ query, name }) => {
      const editor = document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror;
      return editor.getValue() === query && editor.operationName === name;
    },
    { query: wanted.query, name },
    { timeout: ANSWER_MS },
  );
  const headers = await paneText(page, '[aria-label="Headers"] .graphiql-editor:not(.hidden)');
  must(headers === (wanted.headers ?? ''), `headers of ${name} are ${headers}`);
}

// Presses the run button of the open tab and returns the answer in the response pane.
async function run(page) {
  await page.getByRole('button', { name: /^Execute query/ }).click();
  return answer(page);
}

async function answer(page) {
  const found = await page.waitForFunction(
    () => {
      const pane = document.querySelector('.graphiql-response');
      const text = pane.querySelector('.CodeMirror').CodeMirror.getValue();
      return !pane.querySelector('.graphiql-spinner') && text.trim() !== '' && text;
    },
    undefined,
    { timeout: ANSWER_MS },
  );
  const text = await found.jsonValue();
  try {
    return JSON.parse(text);
  } catch {
    throw new StepFailed(`the answer is not JSON: ${text.slice(0, 300)}`);
  }
}

// The field of an answer that has neither GraphQL errors nor a payload's own errors.
function field(result, name) {
  must(!result.errors, `the answer has errors: ${JSON.stringify(result.errors)}`);
  const value = result.data?.[name];
  must(value, `the answer has no ${name}: ${JSON.stringify(result)}`);
  const cost = result.extensions?.cost;
  if (cost) must(cost.requested < cost.limit / 4, `${name} cost ${cost.requested} of ${cost.limit} points`);
  must(!value.errors?.length, `${name} answers with errors: ${JSON.stringify(value.errors)}`);
  return value;
}

let shot = 0;
async function screenshot(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${String(++shot).padStart(2, '0')}-${name}.png`) });
}

let current = 'start';
async function step(name, work) {
  current = name;
  const said = await work();
  console.log(`ok    ${name}${said ? `: ${said}` : ''}`);
}

async function purchase(context) {
  const page = await openGraphiql(context);

  // Opens a tab, runs it, returns one field of its answer.
  const perform = async (tab, name) => {
    await openTab(page, tab);
    const result = await run(page);
    await screenshot(page, tab);
    return field(result, name);
  };

  await step('tabs', async () => {
    const titles = await page.locator('.graphiql-tab-button').allTextContents();
    const wanted = SANDBOX_TABS.map(titleOf);
    must(titles.join() === wanted.join(), `the tabs are ${titles}, not ${wanted}`);
    return `${titles.length} tabs`;
  });

  await step('a tab run too early', async () => {
    await openTab(page, 'ConfirmOrder');
    const { errors } = await run(page);
    await screenshot(page, 'too-early');
    must(/BuyNow first/.test(errors?.[0]?.message), `no hint at BuyNow: ${JSON.stringify(errors)}`);
    return errors[0].message;
  });

  await step('FindProducts', async () => {
    const { nodes } = await perform('FindProducts', 'products');
    must(nodes.length > 0, 'no product found');
    return `${nodes.length} products, first: ${nodes[0].name}`;
  });

  await step('ContactSupplier', async () => {
    const { conversation } = await perform('ContactSupplier', 'contactSupplier');
    must(conversation.messages.nodes.length > 0, 'the conversation has no message');
    return conversation.messages.nodes.at(-1).text;
  });

  await step('BuyNow', async () => {
    const { order } = await perform('BuyNow', 'buyNow');
    must(order.id && order.status, `not an order: ${JSON.stringify(order)}`);
    must(Number(order.contract.total.amount) > 0, 'the contract has no total');
    must(order.availableActions.length > 0, 'the buyer has no action available');
    return `${order.number} ${order.status}, ${order.contract.total.amount} ${order.contract.total.currency}`;
  });

  await step('ConfirmOrder', async () => {
    const { order } = await perform('ConfirmOrder', 'confirmOrder');
    must(order.status !== 'FUNDED', 'FUNDED before any payment');
    return order.status;
  });

  await step('PayOrder', async () => {
    const { payment } = await perform('PayOrder', 'payOrder');
    must(payment.nextAction?.url, `no checkout page to open: ${JSON.stringify(payment)}`);
    return `${payment.status}, ${payment.nextAction.__typename}`;
  });

  await step('checkout page', async () => {
    const opened = context.waitForEvent('page');
    await page.getByRole('link', { name: 'Open the checkout page' }).click();
    const checkout = await opened;
    const approve = checkout.getByRole('button', { name: 'Approve', exact: true });
    await approve.waitFor();
    await screenshot(checkout, 'checkout');
    const [answered] = await Promise.all([
      checkout.waitForResponse(response => response.request().method() === 'POST'),
      approve.click(),
    ]);
    must(answered.status() < 400, `the Approve button was answered with ${answered.status()}`);
    await checkout.waitForLoadState();
    await screenshot(checkout, 'approved');
    await checkout.close();
    return `approved, ${answered.status()}`;
  });

  await step('Order is FUNDED', async () => {
    await openTab(page, 'Order');
    const end = Date.now() + FUNDED_MS;
    for (;;) {
      const order = field(await run(page), 'order');
      if (order.status === 'FUNDED') {
        must(Number(order.escrow.captured.amount) > 0, 'nothing captured');
        must(Number(order.escrow.held.amount) > 0, 'nothing held');
        must(order.payments.length > 0, 'no payment listed');
        must(order.events.nodes.length > 0, 'no event listed');
        must((await page.locator('.checkout').count()) === 0, 'the checkout bar is still shown');
        await screenshot(page, 'Order');
        return `held ${order.escrow.held.amount}, ${order.events.nodes.length} events`;
      }
      must(Date.now() < end, `still ${order.status} after ${FUNDED_MS / 1000} s`);
      await page.waitForTimeout(500);
    }
  });

  // Opens a subscription's tab in a second window and starts it.
  const subscribe = async tab => {
    const other = await openGraphiql(context);
    await openTab(other, tab);
    const subscribed = new Promise((resolve, reject) => {
      other.on('websocket', socket => {
        socket.on('framesent', ({ payload }) => String(payload).includes('"subscribe"') && resolve());
        socket.on('close', () => reject(new StepFailed('the WebSocket closed')));
      });
      setTimeout(() => reject(new StepFailed('nothing was subscribed over a WebSocket')), ANSWER_MS);
    });
    await other.getByRole('button', { name: /^Execute query/ }).click();
    await subscribed;
    await other.getByRole('button', { name: /^Stop query/ }).waitFor();
    return other;
  };
  const stop = async other => {
    await other.getByRole('button', { name: /^Stop query/ }).click();
    await other.getByRole('button', { name: /^Execute query/ }).waitFor();
    await other.close();
  };

  let window2;
  await step('WatchOrder starts', async () => {
    window2 = await subscribe('WatchOrder');
  });

  await step('ShipOrder', async () => {
    await page.bringToFront();
    const { order } = await perform('ShipOrder', 'shipOrder');
    must(order.status !== 'FUNDED', 'still FUNDED after shipping');
    return order.status;
  });

  await step('ConfirmReceived', async () => {
    const { order } = await perform('ConfirmReceived', 'confirmReceived');
    must(order.status === 'COMPLETED', `${order.status}, not COMPLETED`);
    must(Number(order.escrow.held.amount) === 0, `still held: ${order.escrow.held.amount}`);
    must(Number(order.escrow.released.amount) > 0, 'nothing released');
    return `COMPLETED, released ${order.escrow.released.amount}`;
  });

  await step('WatchOrder saw it', async () => {
    await window2.bringToFront();
    const event = field(await answer(window2), 'orderEvents');
    must(event.type && event.cursor, `not an event: ${JSON.stringify(event)}`);
    await screenshot(window2, 'WatchOrder');
    await stop(window2);
    return `last event ${event.type}`;
  });

  await step('LeaveFeedback', async () => {
    const { feedback } = await perform('LeaveFeedback', 'leaveFeedback');
    must(feedback.comment, 'no comment in the feedback');
    return feedback.comment;
  });

  await step('Ledger', async () => {
    const { nodes } = await perform('Ledger', 'ledger');
    must(nodes.length > 0, 'no transfer listed');
    return nodes.map(entry => `${entry.cause} ${entry.amount.amount}`).join(', ');
  });

  await step('a quote', async () => {
    const { order } = await perform('RequestDraft', 'requestDraft');
    must(order.status === 'DRAFT_REQUESTED', `${order.status}, not DRAFT_REQUESTED`);
    const first = await perform('FirstDraft', 'draftOrder');
    must(first.order.contract.total.amount === '30050.00', `a total of ${first.order.contract.total.amount}`);
    const second = await perform('SecondDraft', 'draftOrder');
    must(second.order.contract.version === 2, `version ${second.order.contract.version}`);
    const { contract } = await perform('DraftChanges', 'order');
    const price = contract.changes.find(change => change.path === 'lines[0].unitPrice');
    must(price?.before === '5.95 USD' && price.after === '5.75 USD', `the changes are ${JSON.stringify(contract.changes)}`);
    const confirmed = await perform('ConfirmDraft', 'confirmOrder');
    must(confirmed.order.status === 'AWAITING_PAYMENT', `${confirmed.order.status}, not AWAITING_PAYMENT`);
    return contract.changes.map(change => change.label).join(', ');
  });

  await step('a conversation', async () => {
    const inbox = await perform('SupplierInbox', 'conversations');
    const unread = inbox.nodes.reduce((sum, conversation) => sum + conversation.unreadCount, 0);
    must(unread > 0, 'the supplier has nothing unread');
    const { message } = await perform('Reply', 'sendMessage');
    const before = await perform('BuyerInbox', 'conversation');
    must(before.unreadCount > 0, 'the buyer has nothing unread');
    must(before.messages.nodes.at(-1).text === message.text, 'the reply is not the last message');
    const { conversation } = await perform('MarkRead', 'markConversationRead');
    must(conversation.unreadCount === 0, `${conversation.unreadCount} unread`);
    return `${before.unreadCount} unread, then none`;
  });

  await step('webhooks', async () => {
    const { secret, endpoint } = await perform('CreateWebhookEndpoint', 'createWebhookEndpoint');
    must(/^whsec_/.test(secret), 'no secret');
    must(endpoint.url === new URL('/sandbox/receiver', base).href, `an endpoint at ${endpoint.url}`);
    const { delivery } = await perform('SendTestEvent', 'sendTestEvent');
    const end = Date.now() + ANSWER_MS;
    let sent;
    for (;;) {
      const { nodes } = await perform('WebhookDeliveries', 'webhookDeliveries');
      sent = nodes.find(node => node.type === delivery.type);
      if (sent?.status === 'SUCCEEDED') break;
      must(Date.now() < end, `still ${JSON.stringify(nodes)}`);
      await page.waitForTimeout(500);
    }
    const [attempt] = sent.attempts;
    must(attempt.statusCode === 204, `answered with ${attempt.statusCode}`);
    must(attempt.requestHeaders.some(header => header.name === 'webhook-id'), 'no webhook-id was sent');
    must(!JSON.stringify(sent).includes(secret), 'the secret is shown');
    await perform('DeleteWebhookEndpoint', 'deleteWebhookEndpoint');
    return `${sent.type}, ${attempt.statusCode} after ${attempt.durationMs} ms`;
  });

  await step('an order paid by T/T, in two parts', async () => {
    await perform('BuyNow', 'buyNow');
    await perform('ConfirmOrder', 'confirmOrder');
    await openTab(page, 'PayOrder');
    const choose = (from, to) =>
      page.locator('.graphiql-query-editor .CodeMirror').evaluate(
        ({ CodeMirror }, [from, to]) => CodeMirror.setValue(CodeMirror.getValue().replace(from, to)),
        [from, to],
      );
    await choose('method: VISA', 'method: BANK_TRANSFER');
    const { payment } = field(await run(page), 'payOrder');
    await choose('method: BANK_TRANSFER', 'method: VISA');
    const { __typename, reference, amountDue } = payment.nextAction;
    must(__typename === 'BankTransferAction', `not an account but ${__typename}`);

    const checkout = await context.newPage();
    await checkout.goto(payment.nextAction.page);
    must((await checkout.getByLabel('Reference').inputValue()) === reference, 'not the reference of the payment');
    await screenshot(checkout, 'transfer');
    const due = () => checkout.locator('dd.due').textContent();
    const send = async button => {
      await checkout.getByRole('button', { name: button }).click();
      await checkout.waitForLoadState();
    };
    await checkout.getByLabel('Amount in').fill('28,5');
    await send('Send this amount');
    must(/28,5/.test(await checkout.getByRole('alert').textContent()), 'no word about 28,5');
    await screenshot(checkout, 'transfer-refused');
    await checkout.getByLabel('Amount in').fill('28.50');
    await send('Send this amount');
    const missing = (Number(amountDue.amount) - 28.5).toFixed(2);
    must((await due()).includes(missing), `${await due()} is due, not ${missing}`);
    await screenshot(checkout, 'transfer-short');
    await send(/^Send the missing/);
    must((await due()).startsWith('0.00'), `${await due()} is due`);
    await screenshot(checkout, 'transfer-paid');
    await checkout.close();

    const end = Date.now() + FUNDED_MS;
    await openTab(page, 'Order');
    for (;;) {
      const order = field(await run(page), 'order');
      if (order.status === 'FUNDED') {
        const parts = order.events.nodes.filter(event => event.type === 'payment.captured').length;
        return `FUNDED by ${parts} transfers`;
      }
      must(Date.now() < end, 'not FUNDED in time');
      await page.waitForTimeout(500);
    }
  });

  await step('another order, shipped', async () => {
    await perform('BuyNow', 'buyNow');
    await perform('ConfirmOrder', 'confirmOrder');
    const { payment } = await perform('PayOrder', 'payOrder');
    const checkout = await context.newPage();
    await checkout.goto(payment.nextAction.url);
    await checkout.getByRole('button', { name: 'Approve', exact: true }).click();
    await checkout.waitForLoadState();
    await checkout.close();
    const end = Date.now() + FUNDED_MS;
    await openTab(page, 'Order');
    while (field(await run(page), 'order').status !== 'FUNDED') {
      must(Date.now() < end, 'not FUNDED in time');
      await page.waitForTimeout(500);
    }
    const live = await subscribe('LiveOrder');
    must(field(await answer(live), 'order').status === 'FUNDED', 'not the order as it is');
    await page.bringToFront();
    const { order } = await perform('ShipOrder', 'shipOrder');
    await live.bringToFront();
    const shipped = Date.now() + ANSWER_MS;
    while (field(await answer(live), 'order').status !== 'SHIPPED') {
      must(Date.now() < shipped, 'LiveOrder did not see it');
      await live.waitForTimeout(100);
    }
    await screenshot(live, 'LiveOrder');
    await stop(live);
    await page.bringToFront();
    return `${order.status}, and LiveOrder saw it`;
  });

  await step('a dispute of sixty days', async () => {
    const begun = Date.now();
    const opened = await perform('OpenDispute', 'openDispute');
    must(opened.order.status === 'DISPUTED', `${opened.order.status}, not DISPUTED`);
    await perform('AnswerDispute', 'proposeSettlement');
    const later = await perform('SixtyDaysLater', 'sandboxAdvanceClock');
    must(later.reached, `only came to ${later.clock}`);
    const types = later.events.map(event => event.type);
    must(types.includes('dispute.escalated'), `nobody escalated: ${types}`);
    must(types.includes('dispute.overdue'), `no alarm: ${types}`);
    const { order } = await perform('ResolveDispute', 'resolveDispute');
    must(order.status === 'COMPLETED', `${order.status}, not COMPLETED`);
    must(order.escrow.refunded.amount === '25.60', `refunded ${order.escrow.refunded.amount}`);
    return `${types.length} events, ${Date.now() - begun} ms`;
  });

  await step('tabs after a reload', async () => {
    await page.waitForTimeout(1000); // GraphiQL stores its tabs half a second late
    await page.reload();
    await page.getByRole('button', { name: /^Execute query/ }).waitFor();
    const count = await page.locator('.graphiql-tab-button').count();
    must(count === SANDBOX_TABS.length, `${count} tabs`);
    const again = await run(page); // a ruling can't be repeated
    await screenshot(page, 'reloaded');
    const [{ code }] = again.data.resolveDispute.errors;
    must(code === 'INVALID_TRANSITION', code);
    return `still on ResolveDispute, which answers ${code}`;
  });
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
  ],
});
try {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  context.setDefaultTimeout(ANSWER_MS);
  context.on('page', watch);
  await context.route(
    address => !isLocal(address.href),
    route => route.abort(),
  );
  await purchase(context);
} catch (error) {
  problem(`${current}: ${error instanceof StepFailed ? error.message : error.stack}`);
  const last = browser.contexts()[0]?.pages().at(-1);
  if (last) await screenshot(last, 'failed').catch(() => {});
} finally {
  await browser.close();
}

for (const text of problems) console.error(`FAIL  ${text}`);
if (problems.size === 0) console.log('ok    the purchase is complete; no external request, no CSP error');
process.exit(problems.size === 0 ? 0 : 1);
