// Names what schema.graphql has broken since the last release (the newest tag v* that HEAD comes from), and refuses it unless
// Cargo.toml's version says so: a higher major version, or below 1.0 a higher minor one.
//   node compare.mjs [repository]
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSchema, findBreakingChanges, findDangerousChanges } from 'graphql';

const repository = process.argv[2] ?? new URL('../..', import.meta.url).pathname;
const git = (...words) =>
  execFileSync('git', ['-C', repository, ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();

function lastRelease() {
  try {
    return git('describe', '--tags', '--match', 'v[0-9]*.[0-9]*.[0-9]*', '--abbrev=0');
  } catch {
    return null;
  }
}

/** A file as it was at a revision; null if there was none. */
function at(revision, path) {
  try {
    return git('show', `${revision}:${path}`);
  } catch {
    return null;
  }
}

const numbers = version => version.match(/^(\d+)\.(\d+)\./).slice(1).map(Number);

/** Whether a version may break what worked with the other: by the rules of semantic versioning. */
function mayBreak(version, released) {
  const [major, minor] = numbers(version);
  const [releasedMajor, releasedMinor] = numbers(released);
  if (major !== releasedMajor) return major > releasedMajor;
  return major === 0 && minor > releasedMinor;
}

function compare() {
  const tag = lastRelease();
  if (tag === null) {
    const shallow = git('rev-parse', '--is-shallow-repository') === 'true';
    const why = shallow
      ? 'this clone is shallow: a release may exist that it does not have (git fetch --tags --unshallow)'
      : 'no release yet';
    console.log(`ok    nothing to compare schema.graphql with: ${why}`);
    return 0;
  }
  const before = at(tag, 'schema.graphql');
  if (before === null) {
    console.log(`ok    nothing to compare schema.graphql with: ${tag} has none, or this clone has not got it`);
    return 0;
  }
  const path = join(repository, 'schema.graphql');
  if (!existsSync(path)) throw new Error('schema.graphql is gone');
  const [old, now] = [before, readFileSync(path, 'utf8')].map(text => buildSchema(text));
  const breaking = findBreakingChanges(old, now);
  for (const { description } of findDangerousChanges(old, now)) console.log(`note  since ${tag}: ${description}`);
  if (breaking.length === 0) {
    console.log(`ok    schema.graphql breaks nothing since ${tag}`);
    return 0;
  }
  const version = readFileSync(join(repository, 'Cargo.toml'), 'utf8').match(/^version = "(.+)"/m)[1];
  const allowed = mayBreak(version, tag.slice(1));
  for (const { description } of breaking) console.log(`${allowed ? 'BREAK' : 'FAIL '} since ${tag}: ${description}`);
  if (allowed) {
    console.log(`ok    ${breaking.length} breaking changes since ${tag}, which version ${version} announces`);
    return 0;
  }
  console.error(`FAIL  version ${version} may break nothing of ${tag}: undo it, deprecate instead, or raise the version`);
  return 1;
}

process.exitCode = compare();
