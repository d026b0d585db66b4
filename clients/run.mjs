// Runs every check against a server: node run.mjs [name…] http://127.0.0.1:8080. A check that needs what the server does not
// have yet says so and waits; CI knows by name what may wait (MAY_WAIT in .ci/run), and nothing else may.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { lacking, schema } from './schema.mjs';

const names = process.argv.slice(2);
const server = names.pop();
const python = process.env.PYTHON ?? 'python3';
const npm = name => fileURLToPath(new URL(`node_modules/.bin/${name}`, import.meta.url));

const checks = [
  { name: 'http', run: [['node', 'checks/http.mjs']] },
  {
    name: 'storefront',
    run: [
      ['node', 'storefront/extract.mjs'],
      [npm('graphql-codegen'), '--silent', '--config', 'codegen.json'],
      [npm('tsc'), '--project', '.'],
      ['node', 'generated/js/storefront.js'],
    ],
    says: 'docs/storefront.md compiles strictly, and runs',
  },
  { name: 'relay', run: [['node', 'relay/compile.mjs'], ['node', 'checks/relay.mjs']] },
  { name: 'ws', run: [['node', 'checks/ws.mjs']] },
  { name: 'sse', path: '/graphql/stream', run: [['node', 'checks/sse.mjs']] },
  { name: 'python', run: [[python, 'python/purchase.py']] },
  { name: 'webhooks', needs: ['Mutation.createWebhookEndpoint'], run: [['node', 'checks/webhooks.mjs']] },
];

/** What the server does not have of what the check needs. */
async function missing({ needs = [], path }) {
  const without = lacking(schema(), needs);
  if (path && (await fetch(server + path, { method: 'POST' })).status === 404) without.push(path);
  return without;
}

const unknown = names.filter(name => !checks.some(check => check.name === name));
if (!server || unknown.length > 0) throw new Error(`no such check: ${unknown}`);

const mayWait = (process.env.MAY_WAIT ?? '').split(' ');
const failed = [];
for (const check of checks) {
  if (names.length > 0 && !names.includes(check.name)) continue;
  const begun = Date.now();
  console.log(`-- ${check.name}`);
  const without = await missing(check);
  if (without.length > 0) {
    console.log(`waits for ${without.join(', ')}`);
    if (!mayWait.includes(check.name)) failed.push(check.name);
    continue;
  }
  const passed = check.run.every(([program, ...rest]) => {
    const { status, error } = spawnSync(program, rest, {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      env: { ...process.env, SECURE_PAYMENT_URL: server, PYTHON: python, NO_UPDATE_NOTIFIER: '1' },
      stdio: 'inherit',
      timeout: 120_000,
    });
    if (error || status !== 0) console.error(`FAIL  ${program} ${rest.join(' ')}: ${error?.message ?? `exit ${status}`}`);
    return !error && status === 0;
  });
  if (!passed) failed.push(check.name);
  else console.log(`ok    ${check.says ?? check.name} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
}
if (failed.length > 0) {
  console.error(`FAIL  ${failed.join(', ')}`);
  process.exit(1);
}
