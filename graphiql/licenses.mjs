// Prints the licence texts of everything inside the four vendor files.
// What graphiql.min.js bundles is read from its own source map; the texts come
// from node_modules. A package whose text cannot be found stops the build.
import { existsSync, readFileSync, readdirSync } from 'node:fs';

const root = new URL('node_modules/', import.meta.url);

// Folders of graphiql's own repository, as its source map names them.
const WORKSPACES = {
  'graphiql-react': '@graphiql/react',
  'graphiql-toolkit': '@graphiql/toolkit',
  'graphiql-plugin-history': '@graphiql/plugin-history',
  'graphiql-plugin-doc-explorer': '@graphiql/plugin-doc-explorer',
  src: 'graphiql',
};

// Packages published without a licence file, or no longer installed because their
// authors merged them since; all MIT: another package of the same authors carries
// the text.
const SAME_TEXT_AS = {
  '@graphiql/plugin-history': 'graphiql',
  '@graphiql/plugin-doc-explorer': 'graphiql',
  '@radix-ui/react-use-callback-ref': '@radix-ui/primitive',
  '@radix-ui/react-use-escape-keydown': '@radix-ui/primitive',
  'react-compiler-runtime': 'react',
  'react-remove-scroll-bar': 'react-remove-scroll',
};

// Published without a licence file and without a sibling that has one.
const MIT = holder => `The MIT License (MIT)

Copyright (c) ${holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of
this software and associated documentation files (the "Software"), to deal in
the Software without restriction, including without limitation the rights to
use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of
the Software, and to permit persons to whom the Software is furnished to do so,
subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS
FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER
IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;
const WRITTEN_OUT = { 'toggle-selection': MIT('sudodoki <smd.deluzion@gmail.com>') };

function bundled() {
  const map = JSON.parse(readFileSync(new URL('graphiql/graphiql.min.js.map', root), 'utf8'));
  // The UMD builds of React contain the scheduler; graphiql.min.css the fonts.
  const names = new Set(['react', 'react-dom', 'scheduler', '@fontsource/roboto', '@fontsource/fira-code']);
  for (const source of map.sources) {
    const inModules = source.match(/.*node_modules\/((?:@[^/]+\/)?[^/]+)/);
    const folder = source.match(/^(?:\.\.\/)+([^/]+)/);
    names.add(inModules ? inModules[1] : (WORKSPACES[folder[1]] ?? folder[1]));
  }
  return [...names].sort();
}

function text(name) {
  if (WRITTEN_OUT[name]) return WRITTEN_OUT[name];
  const dir = new URL(`${SAME_TEXT_AS[name] ?? name}/`, root);
  const files = existsSync(dir) ? readdirSync(dir) : [];
  const wanted = files.filter(file => /^(licen[sc]e|notice)/i.test(file)).sort();
  if (wanted.length === 0) throw new Error(`no licence text for ${name}`);
  return wanted
    .map(file => readFileSync(new URL(file, dir), 'utf8').replace(/\r\n/g, '\n').trim())
    .join('\n\n');
}

// Packages with word-for-word the same text share one entry.
const entries = new Map();
for (const name of bundled()) {
  const licence = text(name);
  entries.set(licence, [...(entries.get(licence) ?? []), name]);
}

const line = '='.repeat(78);
console.log('The GraphiQL page of Secure Payment contains the following open-source software.');
console.log('Roboto and Fira Code are the fonts inside graphiql.min.css.\n');
for (const [licence, names] of entries) {
  console.log(`${line}\n${names.map(name => name.replace('@fontsource/', 'font: ')).join('\n')}\n${line}\n\n${licence}\n`);
}
