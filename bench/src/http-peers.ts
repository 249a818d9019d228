import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Cores } from './cores.ts';
import type { NativeTools } from './native-tools.ts';
import type { PlaneSettings } from './plane-settings.ts';
import { type ServerCommand, type ServerProcess, startServer } from './server-process.ts';

/** A server that answers every request with one line. */
export interface HttpContestant {
  readonly name: string;
  /** `cores`: where it runs. Default `both`. */
  start(cores?: Cores): Promise<ServerProcess>;
}

/** Instances: a new one for each request, or kept for as many as are said. */
export type Instances = 'fresh' | { readonly reusedFor: number };

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const nodePort = /port (\d+)/;

/** HotSwap in a process of Node's: the engine's HTTP plane with the limits that every module has. It serves the first. */
export function ours(
  paths: readonly string[],
  instances: Instances,
  options: { readonly halfBusy?: boolean } = {},
): HttpContestant {
  const settings: PlaneSettings = { paths, reusedFor: reusedFor(instances), ...options };
  return {
    name: 'HotSwap',
    start: (cores) =>
      startServer({
        ...placed(cores),
        command: [
          process.execPath,
          '--conditions=@hotswap/source',
          '--disable-warning=ExperimentalWarning',
          script('http-plane-process.ts'),
          JSON.stringify(settings),
        ],
        portPattern: nodePort,
        ipc: true,
      }),
  };
}

const placed = (cores: Cores | undefined): { readonly cores?: Cores } => (cores === undefined ? {} : { cores });

const reusedFor = (instances: Instances): number => (instances === 'fresh' ? 1 : instances.reusedFor);

/** The settings of our pool, by the names that upstream's options have for them. */
const ourPool = [
  'pooling-total-component-instances=1000',
  'pooling-total-core-instances=8000',
  'pooling-total-memories=1000',
  'pooling-total-tables=4000',
  'pooling-total-stacks=1000',
  'pooling-memory-keep-resident=16777216',
  'pooling-table-keep-resident=65536',
  'pooling-async-stack-keep-resident=16384',
  'pooling-pagemap-scan=auto',
].flatMap((setting) => ['-O', setting]);

/** Upstream's `serve` with what it does by default; `tuned`: with the settings of our pool. */
export function serve(
  tools: NativeTools,
  path: string,
  instances: Instances,
  options: { readonly tuned?: boolean } = {},
): HttpContestant {
  const { tuned = false } = options;
  return {
    name: tuned ? 'serve, tuned' : 'serve',
    start: (cores) =>
      startServer({
        ...placed(cores),
        command: [
          tools.wasmtime,
          'serve',
          '--addr=127.0.0.1:0',
          // Guests in TypeScript import all of wasi:cli.
          '-Scli',
          ...(path.endsWith('.cwasm') ? ['--allow-precompiled'] : []),
          `--max-instance-reuse-count=${reusedFor(instances)}`,
          ...(tuned ? ourPool : []),
          path,
        ],
        portPattern: /127\.0\.0\.1:(\d+)/,
      }),
  };
}

/** The same contestant with a process beside it that takes half a core. */
export function besideHalfBusy(contestant: HttpContestant): HttpContestant {
  const busy: ServerCommand = { command: [process.execPath, script('half-busy-process.ts')], portPattern: nodePort };
  return {
    name: `${contestant.name}, half a core taken`,
    start: async (cores) => {
      const [server, loop] = await Promise.all([contestant.start(cores), startServer({ ...placed(cores), ...busy })]);
      return {
        port: server.port,
        residentBytes: () => server.residentBytes(),
        cpuSeconds: () => server.cpuSeconds(),
        ask: (message) => server.ask(message),
        [Symbol.asyncDispose]: async () => {
          await Promise.all([server[Symbol.asyncDispose](), loop[Symbol.asyncDispose]()]);
        },
      };
    },
  };
}

/** Node's own HTTP server, without any guest. */
export function nodeHttp(body: string): HttpContestant {
  return {
    name: 'node:http',
    start: (cores) =>
      startServer({
        ...placed(cores),
        command: [process.execPath, script('node-http-process.ts'), body],
        portPattern: nodePort,
      }),
  };
}

const workerdConfig = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [ (name = "main", worker = .main) ],
  sockets = [ (name = "http", address = "127.0.0.1:0", http = (), service = "main") ],
);
const main :Workerd.Worker = (
  modules = [ (name = "main", esModule = embed "main.mjs") ],
  compatibilityDate = "2026-01-01",
);
`;

/** workerd with a handler in JavaScript, in one isolate for all requests; its files go to `folder`. */
export async function workerd(body: string, folder: string): Promise<HttpContestant> {
  const config = join(folder, 'workerd.capnp');
  await writeFile(config, workerdConfig);
  const answer = JSON.stringify(body);
  await writeFile(join(folder, 'main.mjs'), `export default { fetch: () => new Response(${answer}) };\n`);
  const program = createRequire(import.meta.url).resolve('workerd/bin/workerd');
  return {
    name: 'workerd',
    start: (cores) =>
      startServer({
        ...placed(cores),
        command: [program, 'serve', '--control-fd=1', config],
        portPattern: /"port":\s*(\d+)/,
      }),
  };
}
