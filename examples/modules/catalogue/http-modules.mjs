// Modules that serve HTTP.

const httpHello = (version, shows) => ({
  name: 'http-hello',
  version,
  kind: 'component',
  language: 'Rust',
  shows,
  servesHttp: 'component',
  healthFunction: 'health-check',
  healthy: true,
  samples: [],
  build: { recipe: 'prebuilt', source: `rust/http-hello-${version}.wasm` },
});

export const httpModuleEntries = [
  httpHello('1.0.0', 'The smallest wasi:http server: one line, whatever is asked'),
  httpHello('1.1.0', 'A better release of it, told by its line'),
  httpHello('2.0.0', 'A bad release behind a green health check: of its requests an eighth gets 500, an eighth traps'),
  {
    name: 'http-lab',
    version: '1.0.0',
    kind: 'component',
    language: 'Rust',
    shows: 'A wasi:http server that does what the path asks for: streams, traps, loops, sleeps, fetches',
    servesHttp: 'component',
    healthFunction: 'health-check',
    healthy: true,
    samples: [],
    build: { recipe: 'prebuilt', source: 'rust/http-lab-1.0.0.wasm' },
  },
];
