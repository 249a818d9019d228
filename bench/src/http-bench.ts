import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildExampleModules, exampleModule } from '@hotswap/example-modules';
import { type Bench, type BenchContext, type BenchResult, type Target, atLeast, atMost } from './bench.ts';
import { coresCanBeChosen } from './cores.ts';
import { type LoadReport, httpLoad } from './http-load.ts';
import { type HttpContestant, type Instances, besideHalfBusy, nodeHttp, ours, serve, workerd } from './http-peers.ts';
import { type NativeTools, nativeTools } from './native-tools.ts';
import { median } from './percentile.ts';
import { scratchFolder } from './scratch-folder.ts';

const warmupSeconds = 1;
const reused: Instances = { reusedFor: 1_000 };

/** One comparison: contestants that answer the same line, ours first. A bound holds against the peer at its place. */
interface Row {
  readonly key: string;
  readonly title: string;
  readonly body: string;
  readonly contestants: readonly HttpContestant[];
  /** Key of the ratio to the peer after ours, and what it has to be; `null`: printed only. */
  readonly bounds: readonly (number | null)[];
  /** Default: the server has one core, the load the other. */
  readonly shared?: boolean;
}

interface Guests {
  readonly rust: string;
  readonly typescript: string;
  /** The TypeScript guest as upstream's `compile` leaves it: 14 MB are not compiled at each start. */
  readonly typescriptCompiled: string;
  readonly rustBody: string;
  readonly typescriptBody: string;
}

async function prepareGuests(tools: NativeTools, folder: string, say: BenchContext['say']): Promise<Guests> {
  const typescript = exampleModule('http-hello-typescript');
  say('building the guests: the one in TypeScript takes ten seconds at first ...');
  await buildExampleModules();
  await buildExampleModules({ only: [typescript.id] });
  const compiled = join(folder, 'typescript.cwasm');
  say(`compiling ${Math.round((await stat(typescript.path)).size / 1e6)} MB for the peer ...`);
  await promisify(execFile)(tools.wasmtime, ['compile', '-o', compiled, typescript.path]);
  return {
    rust: exampleModule('http-hello').path,
    typescript: typescript.path,
    typescriptCompiled: compiled,
    rustBody: 'Hello from http-hello 1.0.0\n',
    typescriptBody: 'Hello from http-hello-typescript 1.0.0\n',
  };
}

async function rowsOf(tools: NativeTools, guests: Guests, folder: string): Promise<readonly Row[]> {
  const rust = { body: guests.rustBody };
  const typescript = { body: guests.typescriptBody };
  const js = guests.typescriptCompiled;
  const quiet: readonly Row[] = [
    {
      key: 'rustFresh',
      title: 'Rust, a fresh instance per request',
      ...rust,
      contestants: [
        ours([guests.rust], 'fresh'),
        serve(tools, guests.rust, 'fresh'),
        serve(tools, guests.rust, 'fresh', { tuned: true }),
        await workerd(guests.rustBody, folder),
      ],
      bounds: [3, 1.6, null],
    },
    {
      key: 'rustReused',
      title: 'Rust, instances reused 1,000 times',
      ...rust,
      contestants: [ours([guests.rust], reused), serve(tools, guests.rust, reused), nodeHttp(guests.rustBody)],
      bounds: [1.3, null],
    },
    {
      key: 'typescriptFresh',
      title: 'TypeScript, a fresh instance per request',
      ...typescript,
      contestants: [ours([guests.typescript], 'fresh'), serve(tools, js, 'fresh')],
      bounds: [2],
    },
    {
      key: 'typescriptReused',
      title: 'TypeScript, instances reused 1,000 times',
      ...typescript,
      contestants: [ours([guests.typescript], reused), serve(tools, js, reused)],
      bounds: [1.15],
    },
  ];
  const busy = quiet.map(({ key, title, body, bounds }, at): Row => {
    const [path, peerPath] = at < 2 ? [guests.rust, guests.rust] : [guests.typescript, js];
    const instances = at % 2 === 0 ? 'fresh' : reused;
    return {
      key: `${key}HalfBusy`,
      title: `${title}; JavaScript takes half a core`,
      body,
      contestants: [ours([path], instances, { halfBusy: true }), besideHalfBusy(serve(tools, peerPath, instances))],
      bounds: [bounds[0] ?? null],
    };
  });
  const shared = quiet.slice(0, 2).map(({ key, title, body, contestants }): Row => ({
    key: `${key}Shared`,
    title: `${title}; servers and load share both cores`,
    body,
    contestants: contestants.filter(({ name }) => name.startsWith('HotSwap') || name.startsWith('serve')),
    bounds: [],
    shared: true,
  }));
  return [...quiet, ...busy, ...shared];
}

interface Measured extends LoadReport {
  readonly residentBytes: number;
  /** What the server's process computed per request, start and warm-up left out. */
  readonly cpuUs: number;
}

async function measure(
  tools: NativeTools,
  contestant: HttpContestant,
  { body, shared = false }: Row,
  seconds: number,
): Promise<Measured> {
  await using server = await contestant.start(shared ? 'both' : 'server');
  const load = { port: server.port, bodies: [body], cores: shared ? 'both' : 'load' } as const;
  const warmUp = await httpLoad(tools.loadgen, { ...load, seconds: warmupSeconds, warmupSeconds: 0 });
  const before = await server.cpuSeconds();
  const report = await httpLoad(tools.loadgen, { ...load, seconds, warmupSeconds: 0 });
  const cpuUs = (((await server.cpuSeconds()) - before) * 1e6) / report.requests;
  return { ...report, failed: report.failed + warmUp.failed, cpuUs, residentBytes: await server.residentBytes() };
}

/** Rounds in which each contestant runs once, in alternating order: what else the machine does meets all of them. */
async function runRow(tools: NativeTools, row: Row, rounds: number, seconds: number): Promise<readonly Measured[][]> {
  const runs = row.contestants.map((): Measured[] => []);
  for (let round = 0; round < rounds; round++) {
    const order = [...row.contestants.keys()];
    for (const at of round % 2 === 0 ? order : order.toReversed()) {
      const contestant = row.contestants[at];
      if (contestant !== undefined) runs[at]?.push(await measure(tools, contestant, row, seconds));
    }
  }
  return runs;
}

/** What a contestant's figures and ratios are called. */
const keyOf = (name: string): string => {
  if (name.startsWith('HotSwap')) return '';
  if (name.includes('tuned')) return 'TunedServe';
  return { serve: 'Serve', workerd: 'Workerd', 'node:http': 'NodeHttp' }[name.split(',')[0] ?? ''] ?? name;
};

type Shown = Pick<Measured, 'perSecond' | 'p99Ms' | 'residentBytes' | 'cpuUs' | 'idleShare'>;

function shownLine(name: string, shown: Shown, failures: string): string {
  const rate = Math.round(shown.perSecond).toLocaleString('en').padStart(9);
  const times = `p99 ${shown.p99Ms.toFixed(2)} ms   ${shown.cpuUs.toFixed(1)} us each`;
  const rest = `${Math.round(shown.residentBytes / 1e6)} MB   load idle ${Math.round(shown.idleShare * 100)} %`;
  return `  ${name.padEnd(28)} ${rate} requests/s   ${times}   ${rest}${failures}`;
}

/** The result as it grows row by row. */
class Findings {
  readonly figures: Record<string, number> = {};
  readonly ratios: Record<string, number> = {};
  readonly targets: Target[] = [];
  failed = 0;

  add(row: Row, runs: readonly (readonly Measured[])[], say: BenchContext['say']): void {
    const mine = runs[0] ?? [];
    for (const [at, { name }] of row.contestants.entries()) {
      const theirs = runs[at] ?? [];
      const medianOf = (pick: (one: Measured) => number): number => median(theirs.map(pick));
      const [perSecond, p99Ms] = [medianOf((one) => one.perSecond), medianOf((one) => one.p99Ms)];
      const [cpuUs, idleShare] = [medianOf((one) => one.cpuUs), medianOf((one) => one.idleShare)];
      const residentBytes = medianOf((one) => one.residentBytes);
      const lost = theirs.reduce((sum, one) => sum + one.failed, 0);
      const first = theirs.find((one) => one.failed > 0)?.failures['first'];
      const failures = lost > 0 ? `   ${lost} failed, the first: ${String(first)}` : '';
      say(shownLine(name, { perSecond, p99Ms, residentBytes, cpuUs, idleShare }, failures));
      const key = `${row.key}${keyOf(name)}`;
      this.figures[`${key}PerSecond`] = perSecond;
      this.figures[`${key}P99Ms`] = p99Ms;
      this.figures[`${key}ResidentBytes`] = residentBytes;
      this.figures[`${key}CpuUs`] = cpuUs;
      this.figures[`${key}LoadIdleShare`] = idleShare;
      if (at === 0) this.failed += lost;
      else this.#compare(row, at, mine, theirs);
    }
  }

  #compare(row: Row, at: number, mine: readonly Measured[], theirs: readonly Measured[]): void {
    const name = row.contestants[at]?.name ?? '';
    // Within a round both met the same machine.
    const ratio = median(mine.map((one, round) => one.perSecond / (theirs[round]?.perSecond ?? NaN)));
    this.ratios[`${row.key}To${keyOf(name)}`] = ratio;
    const bound = row.bounds[at - 1];
    const peer = name.includes('tuned') ? name : (name.split(',')[0] ?? '');
    if (typeof bound === 'number') this.targets.push(atLeast(`${row.title}: times ${peer}`, ratio, bound));
  }
}

async function run({ full, say }: BenchContext): Promise<BenchResult> {
  await using folder = await scratchFolder();
  const tools = await nativeTools(say);
  say(`the peer is ${tools.wasmtimeIs}`);
  if (!coresCanBeChosen()) say('programs cannot be put on cores here: servers and load share what there is');
  const guests = await prepareGuests(tools, folder.path, say);
  const [rounds, seconds] = full ? ([7, 6] as const) : ([3, 2] as const);
  const findings = new Findings();
  for (const row of await rowsOf(tools, guests, folder.path)) {
    say(`\n${row.title}: ${rounds} rounds of ${seconds} s each`);
    findings.add(row, await runRow(tools, row, rounds, seconds), say);
  }
  findings.targets.push(atMost('failed requests of HotSwap', findings.failed, 0));
  const { figures, ratios, targets } = findings;
  return { figures, ratios, targets };
}

export const httpBench: Bench = {
  name: 'http',
  summary: "HTTP servers as components against upstream's serve, workerd and node:http",
  run,
};
