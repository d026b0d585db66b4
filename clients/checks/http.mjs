// The audits of npm graphql-http: what the GraphQL-over-HTTP specification says a server MUST, SHOULD and MAY do.
import { serverAudits } from 'graphql-http';
import { SERVER, ok, within } from '../lib.mjs';

within(60);
const counts = { MUST: [0, 0], SHOULD: [0, 0], MAY: [0, 0] };
for (const audit of serverAudits({ url: `${SERVER}/graphql` })) {
  const result = await audit.fn();
  const level = audit.name.match(/^[A-Z]+/)[0];
  counts[level][1] += 1;
  if (result.status === 'ok') {
    counts[level][0] += 1;
    continue;
  }
  console.error(`FAIL  ${result.id} ${result.name}: ${result.reason}`);
  process.exitCode = 1;
}
const total = Object.values(counts).reduce((sum, [, all]) => sum + all, 0);
// A new version may add audits; one that lost them would prove nothing.
if (total < 61) {
  console.error(`FAIL  only ${total} audits ran`);
  process.exitCode = 1;
}
ok(`audits: ${Object.entries(counts).map(([level, [passed, all]]) => `${level} ${passed} of ${all}`).join(', ')}`);
