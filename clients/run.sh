#!/usr/bin/env bash
# run.sh [CHECK…]: installs other people's clients at their pinned versions, starts the built server on a fresh database, and
# runs every check against it, or those that are named. Needs Node.js 20, npm and Python 3 with venv.
set -euo pipefail
cd "$(dirname "$0")"

node --eval 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' || {
  echo "Node.js 20 or newer is needed; this is $(node --version)"
  exit 1
}

venv=$(mktemp -d)
trap 'rm -rf "$venv"' EXIT
npm ci --silent --no-audit --no-fund
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes -r python/requirements.txt

PYTHON=$venv/bin/python ../.ci/with-server node run.mjs "$@"
