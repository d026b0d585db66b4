// Takes docs/storefront.md apart: its graphql blocks become generated/storefront.graphql, its ts blocks, in their order,
// one program, generated/storefront.ts. A block after "<!-- needs Mutation.x -->" waits until the schema has that field.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { lacking, schema } from '../schema.mjs';

const page = new URL('../../docs/storefront.md', import.meta.url);
const generated = new URL('../generated/', import.meta.url);

const blocks = { ts: [], graphql: [] };
let waiting = 0;
const fence = /^(?:<!-- needs (?<needs>\S+) -->\n)?```(?<language>\w+)\n(?<code>[\s\S]*?)^```$/gm;
for (const { groups, index } of readFileSync(page, 'utf8').matchAll(fence)) {
  const { needs, language, code } = groups;
  if (!(language in blocks)) throw new Error(`a block of ${language}, which nothing checks`);
  if (needs && lacking(schema(), [needs]).length > 0) {
    waiting += 1;
    continue;
  }
  const line = readFileSync(page, 'utf8').slice(0, index).split('\n').length;
  const comment = language === 'ts' ? '//' : '#';
  blocks[language].push(`${comment} docs/storefront.md, line ${line}\n${code}`);
}

mkdirSync(generated, { recursive: true });
writeFileSync(new URL('storefront.ts', generated), blocks.ts.join('\n'));
writeFileSync(new URL('storefront.graphql', generated), blocks.graphql.join('\n'));
console.log(`ok    ${blocks.ts.length} blocks of TypeScript, ${blocks.graphql.length} of GraphQL`);
if (waiting > 0) console.log(`waits ${waiting} blocks, for fields that the schema does not have yet`);
