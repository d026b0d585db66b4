#!/bin/sh
# Rebuilds dist/ from the exact versions in package-lock.json:
# the four vendor files, gzipped the same way every time, and their licences.
set -eu
cd "$(dirname "$0")"

npm ci --ignore-scripts --no-audit --no-fund

rm -rf dist
mkdir dist
pack() { gzip -n -9 -c "node_modules/$1" >"dist/$2.gz"; }
pack react/umd/react.production.min.js react.production.min.js
pack react-dom/umd/react-dom.production.min.js react-dom.production.min.js
pack graphiql/graphiql.min.js graphiql.min.js
pack graphiql/graphiql.min.css graphiql.min.css

node licenses.mjs >dist/LICENSES.txt
ls -l dist
