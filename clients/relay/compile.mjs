// Runs relay-compiler over the sources beside it, against schema.graphql; what it makes goes to generated/relay.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import compiler from 'relay-compiler';
import { lacking, schema } from '../schema.mjs';

const at = path => fileURLToPath(new URL(path, import.meta.url));
const artifacts = at('../generated/relay');
rmSync(artifacts, { recursive: true, force: true });
mkdirSync(artifacts, { recursive: true });
// Node takes them as CommonJS, which is what the compiler writes.
writeFileSync(`${artifacts}/package.json`, '{ "type": "commonjs" }\n');

const oneOf = lacking(schema(), ['Mutation.replayEvents']).length === 0;
const config = {
  src: './relay',
  schema: '../schema.graphql',
  artifactDirectory: './generated/relay',
  language: 'javascript',
  eagerEsModules: false,
  excludes: oneOf ? [] : ['**/oneof/**'],
};
const file = at('../relay.config.json');
writeFileSync(file, JSON.stringify(config));
try {
  execFileSync(compiler, ['--noWatchman', file], { cwd: at('..'), stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
} catch ({ stdout, stderr }) {
  console.error(`FAIL  relay-compiler\n${stdout}\n${stderr}`);
  process.exit(1);
} finally {
  rmSync(file);
}
const made = readdirSync(artifacts).filter(name => name.endsWith('.graphql.js')).length;
console.log(`ok    relay-compiler makes ${made} artifacts: fragments, pages, refetching by node, mutations, a subscription`);
if (!oneOf) console.log('waits @oneOf inputs, for Mutation.replayEvents');
