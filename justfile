# The steps of .ci/run, one by one. `just` lists them; `just check` is what a change has to pass before it is sent.

default:
    @just --list

# Formatting, lints, layers, tests, the schema: all that needs nothing but Rust (and PostgreSQL, if it is there)
check: format lint test schema

# The server, with a fresh sandbox under ./data
run:
    cargo run

# All tests, on SQLite and, where it is installed, on PostgreSQL
test *FILTER:
    cargo test {{FILTER}}

format:
    cargo fmt --all --check

lint:
    cargo clippy --workspace --all-targets -- -D warnings

# The docs of the code, without a warning
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

# Is schema.graphql what the code says?
schema:
    cargo run -q -- schema | diff schema.graphql -

# Write schema.graphql and docs/errors.md anew
generate:
    cargo run -q -- schema > schema.graphql
    cargo run -q -- errors > docs/errors.md

# Unused dependencies, licences and advisories, spelling
tidy:
    .ci/tidy

# The size of the release binary, and functions that are in it more than once
size:
    .ci/size

# Other people's clients against a fresh server: needs Node.js and Python
clients:
    clients/run.sh

# A purchase on the GraphiQL page: needs Node.js and Chromium
browser:
    cd graphiql/browser && npm ci --silent --no-audit --no-fund
    .ci/with-server node graphiql/purchase.mjs

# Everything, as CI does it
ci:
    .ci/run
