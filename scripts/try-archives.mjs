// `node scripts/try-archives.mjs [FOLDER]`: unpacks the archives of this platform that are in a folder, each somewhere else, and
// has them work together with nothing of the machine: an empty PATH, and no variable but those that they need. The server
// answers, the agent joins it, the command line finds the node, a module is deployed to it, and a call answered. Default
// folder: archives.
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { inRoot } from './bootstrap/paths.mjs';
import { SetupProblem, runAsCommand, say } from './bootstrap/progress.mjs';
import { callUntilAnswered, roll } from './images/tried-fleet.mjs';

const run = promisify(execFile);
const isWindows = process.platform === 'win32';
const patienceMs = 120_000;
/** Windows starts no program without knowing where it is itself. */
const bareEnvironment = isWindows ? { SystemRoot: process.env.SystemRoot } : { PATH: '' };

/** Unpacks an archive into a folder of its own; resolves with how its program is started. */
async function unpack(archives, command, into) {
  const file = readdirSync(archives).find((name) =>
    new RegExp(`^${command}-\\d[^/]*-${process.platform}-${process.arch}\\.(tar\\.gz|zip)$`).test(name),
  );
  if (file === undefined) throw new SetupProblem(`${archives} holds no archive of ${command} for this platform.`);
  const folder = mkdtempSync(join(into, 'unpacked-'));
  await run('tar', ['-xf', join(archives, file), '-C', folder]);
  const [name] = readdirSync(folder);
  const bin = join(folder, name, 'bin');
  if (!isWindows) return [join(bin, command)];
  // Scripts of Windows are started by a shell; what this one starts is started here without.
  const [, main] = /"%~dp0\.\.(\\app\\[^"]+)"/.exec(readFileSync(join(bin, `${command}.cmd`), 'utf8'));
  return [join(bin, 'node.exe'), join(folder, name, ...main.split('\\'))];
}

/** Starts a program that goes on until it is told to end. */
function start([file, ...before], args, cwd, env = {}) {
  const child = spawn(file, [...before, ...args], { cwd, env: { ...bareEnvironment, ...env } });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const ended = new Promise((done) => child.once('exit', done));
  return {
    hasEnded: () => child.exitCode !== null,
    said: () => said.slice(-2_000),
    stop: async () => {
      if (child.exitCode === null) child.kill('SIGTERM');
      await ended;
    },
  };
}

async function until(what, started, look) {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const found = await Promise.resolve(look()).catch(() => undefined);
    if (found) return found;
    if (started.hasEnded() || performance.now() > deadline)
      throw new SetupProblem(`${what} did not come about.\n${started.said()}`);
    await sleep(200);
  }
}

const askAs =
  ({ url, token }) =>
  async (method, path, body) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(`${url}/api/v1/wasm${path}`, { method, headers, body: JSON.stringify(body) });
    const said = await answer.json();
    if (!answer.ok) throw new SetupProblem(`${method} ${path}: ${JSON.stringify(said)}`);
    return said;
  };

async function joinAndServe({ server, agent, cli }, folder, started) {
  const data = join(folder, 'server');
  const credential = join(data, 'local-admin.json');
  started.push(start(server, ['--data-dir', data, '--host', '127.0.0.1', '--port', '0'], folder));
  const admin = await until('a server', started[0], () =>
    existsSync(credential) ? JSON.parse(readFileSync(credential, 'utf8')) : undefined,
  );
  const health = await (await fetch(`${admin.url}/health`)).json();
  if (health.status !== 'Healthy') throw new SetupProblem(`the server says that it is ${health.status}.`);
  say('try-archives', `the server answers: ${JSON.stringify(health)}`);

  const connected = { HOTSWAP_SERVER: admin.url, HOTSWAP_TOKEN: admin.token };
  const hotswap = async (...args) => {
    const [file, ...before] = cli;
    const options = { cwd: folder, env: { ...bareEnvironment, ...connected, HOME: folder } };
    return (await run(file, [...before, ...args], options)).stdout;
  };
  const { token } = JSON.parse(await hotswap('-o', 'json', 'join'));
  const config = join(folder, 'agent.json');
  const node = { NodeId: 'archived', Region: 'us-east', OrchestratorApiUrl: admin.url, JoinToken: token };
  writeFileSync(config, JSON.stringify({ ...node, DataDirectory: join(folder, 'agent') }));
  started.push(start(agent, ['--config', config], folder));
  const isThere = async () => (await hotswap('nodes')).split('\n').find((line) => /^archived .* Healthy /.test(line));
  say('try-archives', `the node is there: ${await until('a node', started[1], isThere)}`);
  const ask = askAs(admin);
  await roll(ask);
  await callUntilAnswered(ask, 'archived');
  say('try-archives', 'the node has the module and answers calls');
}

await runAsCommand('try-archives', async () => {
  const archives = resolve(process.argv[2] ?? inRoot('archives'));
  const folder = mkdtempSync(join(tmpdir(), 'hotswap-archives-'));
  const started = [];
  try {
    const server = await unpack(archives, 'hotswap-server', folder);
    const agent = await unpack(archives, 'wasm-edge-agent', folder);
    const cli = await unpack(archives, 'hotswap', folder);
    await joinAndServe({ server, agent, cli }, folder, started);
  } finally {
    for (const each of started.reverse()) await each.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
