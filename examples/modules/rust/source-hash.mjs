// One hash over every source of the committed components. `rebuild.sh` writes it beside them, and a test compares: a
// source that was edited without a rebuild is noticed.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SOURCES = [
  'Cargo.toml',
  'Cargo.lock',
  'async-lab/Cargo.toml',
  'async-lab/src/lib.rs',
  'async-lab/wit/world.wit',
  'async-lab/wit/deps/wasi-cli/cli.wit',
  'async-lab/wit/deps/wasi-clocks/clocks.wit',
  'http-async/Cargo.toml',
  'http-async/src/lib.rs',
  'http-async/wit/world.wit',
  'http-async/wit/deps/wasi-clocks/clocks.wit',
  'http-async/wit/deps/wasi-http/http.wit',
  'http-hello/Cargo.toml',
  'http-hello/src/lib.rs',
  'http-lab/Cargo.toml',
  'http-lab/src/fetch.rs',
  'http-lab/src/lib.rs',
  'http-lab/src/query.rs',
  'plugin/Cargo.toml',
  'plugin/src/lib.rs',
  'plugin/world.wit',
  'typed/Cargo.toml',
  'typed/src/lib.rs',
  '../typed/world.wit',
  'wordcount/Cargo.toml',
  'wordcount/src/lib.rs',
  'wordcount/wit/world.wit',
];

export function sourceHash() {
  const hash = createHash('sha256');
  for (const path of SOURCES) hash.update(`${path}\n`).update(readFileSync(new URL(path, import.meta.url)));
  return hash.digest('hex');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(`${sourceHash()}\n`);
