// Validates the tabs' operations against the server's schema:
//   node check-tabs.mjs ../schema.graphql
import { readFileSync } from 'node:fs';
import { buildSchema, parse, validate } from 'graphql';
import { SANDBOX_TABS } from './tabs.js';

const schema = buildSchema(readFileSync(process.argv[2], 'utf8'), { assumeValidSDL: true });
for (const { query, variables } of SANDBOX_TABS) {
  const document = parse(query);
  const { name, variableDefinitions } = document.definitions[0];
  const problems = validate(schema, document).map(error => error.message);
  const declared = variableDefinitions.map(definition => definition.variable.name.value);
  const given = Object.keys(JSON.parse(variables ?? '{}'));
  if (declared.join() !== given.join()) problems.push(`variables ${given}, declared ${declared}`);
  console.log(`${problems.length ? 'WRONG' : 'ok   '} ${name.value}`);
  for (const problem of problems) {
    console.log(`      ${problem}`);
    process.exitCode = 1;
  }
}
