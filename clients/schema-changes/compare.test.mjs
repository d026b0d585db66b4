// compare.mjs over throw-away repositories: node --test schema-changes
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const RELEASED = 'type Query { order(id: ID!): Order } type Order { id: ID! number: String! } enum Status { OPEN }';
const HARMLESS = RELEASED.replace('number: String!', 'number: String! version: Int!');
const DANGEROUS = RELEASED.replace('OPEN', 'OPEN CLOSED');
const BREAKING = RELEASED.replace('number: String!', '');

/** Runs the script in a repository that was released with one schema and now has another. */
function compare({ schema, version = '0.1.0', tag = 'v0.1.0', shallow = false }) {
  let folder = mkdtempSync(join(tmpdir(), 'schema-changes-'));
  const folders = [folder];
  const git = (...words) => execFileSync('git', ['-C', folder, ...words], { stdio: 'pipe' });
  const commit = (text, version) => {
    writeFileSync(join(folder, 'schema.graphql'), text);
    writeFileSync(join(folder, 'Cargo.toml'), `[workspace.package]\nversion = "${version}"\n`);
    git('add', '.');
    git('-c', 'user.name=test', '-c', 'user.email=test@example.com', 'commit', '--quiet', '--message', 'schema');
  };
  try {
    git('init', '--quiet');
    commit(RELEASED, '0.1.0');
    if (tag) git('tag', tag);
    commit(schema, version);
    if (shallow) {
      const clone = mkdtempSync(join(tmpdir(), 'schema-changes-'));
      folders.push(clone);
      execFileSync('git', ['clone', '--quiet', '--depth', '1', `file://${folder}`, clone], { stdio: 'pipe' });
      folder = clone;
    }
    const script = fileURLToPath(new URL('compare.mjs', import.meta.url));
    const { status, stdout, stderr } = spawnSync('node', [script, folder], { encoding: 'utf8' });
    return { status, said: stdout + stderr };
  } finally {
    for (const each of folders) rmSync(each, { recursive: true });
  }
}

test('a breaking change is named and refused', () => {
  const { status, said } = compare({ schema: BREAKING });
  assert.equal(status, 1, said);
  assert.match(said, /Order\.number was removed/);
});

test('a harmless change passes', () => {
  const { status, said } = compare({ schema: HARMLESS });
  assert.equal(status, 0, said);
  assert.match(said, /breaks nothing since v0\.1\.0/);
});

test('a dangerous change is named and passes', () => {
  const { status, said } = compare({ schema: DANGEROUS });
  assert.equal(status, 0, said);
  assert.match(said, /CLOSED was added to enum type Status/);
});

test('a version that announces it may break: the minor one below 1.0, the major one from there on', () => {
  for (const [tag, version, status] of [
    ['v0.1.0', '0.1.9', 1],
    ['v0.1.0', '0.2.0', 0],
    ['v0.9.0', '1.0.0', 0],
    ['v1.2.0', '1.3.0', 1],
    ['v1.2.0', '2.0.0', 0],
    ['v2.0.0', '1.9.0', 1],
    ['v0.2.0', '0.1.0', 1],
  ]) {
    const compared = compare({ schema: BREAKING, tag, version });
    assert.equal(compared.status, status, `${tag} → ${version}: ${compared.said}`);
    assert.match(compared.said, /Order\.number was removed/);
  }
});

test('without a release there is nothing to compare with, and a shallow clone says that it could not see one', () => {
  const none = compare({ schema: BREAKING, tag: null });
  assert.deepEqual([none.status, /no release yet/.test(none.said)], [0, true], none.said);
  const shallow = compare({ schema: BREAKING, shallow: true });
  assert.deepEqual([shallow.status, /shallow/.test(shallow.said)], [0, true], shallow.said);
});
