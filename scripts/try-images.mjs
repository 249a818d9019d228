// `node scripts/try-images.mjs SERVER_IMAGE AGENT_IMAGE [--engine docker|podman]`: has the two images work together, with a
// file system that is read-only but for a volume and /tmp, no capabilities, and no network but their own loopback. Health
// check, user, join, a deployment, a call, an end within the time that engines give, also during the start, and all of it once
// more on the same volumes.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { SetupProblem, runAsCommand, say, seconds } from './bootstrap/progress.mjs';

const run = promisify(execFile);
const patienceMs = 120_000;
/** What engines wait by default between SIGTERM and SIGKILL. */
const stopSeconds = 10;
/** Of a program that was not yet ready to be asked to end: 128 and the number of SIGTERM. */
const endedBySignal = '143';
const userId = '10001';
const dataFolder = '/var/lib/hotswap';
/** (a, b) => a + b, and a health check that says yes. */
const adder =
  'AGFzbQEAAAABCwJgAAF/YAJ/fwF/AwMCAAEFAwEAAAcfAwNhZGQAAQxoZWFsdGhfY2hlY2sAAAZtZW1vcnkCAAoOAgQAQQELBwAgACABags=';

/** Runs in the server's container: asks it as its local administrator. */
const asking = `
  const { method, path, body } = JSON.parse(process.argv[1]);
  const { url, token } = JSON.parse(require('node:fs').readFileSync('${dataFolder}/local-admin.json', 'utf8'));
  const headers = { authorization: 'Bearer ' + token, 'content-type': 'application/json' };
  fetch(url + '/api/v1/wasm' + path, { method, headers, body: JSON.stringify(body) })
    .then(async (answer) => console.log(JSON.stringify({ isOk: answer.ok, said: await answer.json() })));`;

/** The engine's command line. What it says on standard error is the reason when it fails. */
function engineOf(program) {
  return async (...args) => {
    const { stdout } = await run(program, args, { maxBuffer: 64 * 1024 * 1024 });
    return stdout.trim();
  };
}

async function until(what, look) {
  const deadline = performance.now() + patienceMs;
  for (let last; ;) {
    const found = await Promise.resolve(look()).catch((error) => void (last = error));
    if (found) return found;
    if (performance.now() > deadline)
      throw new SetupProblem(
        `${what} did not come about${last === undefined ? '' : `: ${last.stderr || last.message}`}`,
      );
    await sleep(250);
  }
}

/** The image's own health check, as an engine would run it. */
async function healthCheckOf(engine, image) {
  const [found] = JSON.parse(await engine('image', 'inspect', image));
  const { Test: test = [] } = found.Config?.Healthcheck ?? found.HealthCheck ?? found.Healthcheck ?? {};
  if (test[0] !== 'CMD')
    throw new SetupProblem(`${image} has no health check: podman and buildah need --format docker.`);
  return test.slice(1);
}

/** A container as strict as the Kubernetes manifest asks for. */
const strictly = (name, volume, network) => [
  ...['--detach', '--name', name, '--network', network, '--read-only', '--tmpfs', '/tmp'],
  ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--volume', `${volume}:${dataFolder}`],
];

async function checkFiles(engine, name) {
  const user = await engine('exec', name, 'id', '-u');
  if (user !== userId) throw new SetupProblem(`${name} runs as user ${user}, not ${userId}.`);
  const loose = ['(', '!', '-user', 'root', '-o', '!', '-type', 'l', '-perm', '/022', ')'];
  const found = await engine('exec', name, 'find', '/opt', ...loose);
  if (found !== '') throw new SetupProblem(`others than root own or write programs of ${name}:\n${found}`);
}

/** Ends a container; not by force, whatever it was about to do. */
async function stop(engine, name, expected = ['0']) {
  const sinceMs = performance.now();
  await engine('stop', '-t', String(stopSeconds), name);
  const code = await engine('inspect', '--format', '{{.State.ExitCode}}', name);
  if (!expected.includes(code))
    throw new SetupProblem(`${name} ended with ${code}, not with ${expected.join(' or ')} within ${stopSeconds} s.`);
  say('try-images', `${name} has ended by itself, in ${seconds(sinceMs)}`);
}

async function workTogether(engine, { server, agent }, folder, names) {
  const healthCheck = await healthCheckOf(engine, server);
  const ask = async (method, path, body) => {
    const asked = JSON.stringify({ method, path, body });
    const { isOk, said } = JSON.parse(await engine('exec', names.server, '/opt/hotswap/bin/node', '-e', asking, asked));
    if (!isOk) throw new SetupProblem(`${method} ${path}: ${JSON.stringify(said)}`);
    return said;
  };
  const healthy = async () => {
    const sinceMs = performance.now();
    await until('a healthy server', async () => (await engine('exec', names.server, ...healthCheck), true));
    say('try-images', `the server is healthy after ${seconds(sinceMs)}`);
  };
  const served = async () => {
    await until('a healthy node', async () => (await ask('GET', '/nodes/tried')).status === 'Healthy');
    const { result, nodeId } = await until('an answer', () =>
      ask('POST', '/modules/adder/functions/add/invoke', { args: [2, 40] }),
    );
    if (result !== 42 || nodeId !== 'tried') throw new SetupProblem(`2 + 40 is ${result} on ${nodeId}.`);
    say('try-images', 'the agent has joined and answers calls');
  };

  const development = ['--env', 'HOTSWAP_ENVIRONMENT=Development'];
  await engine('run', ...strictly(names.server, names.server, 'none'), ...development, server);
  await stop(engine, names.server, ['0', endedBySignal]);
  await engine('start', names.server);
  await healthy();
  await checkFiles(engine, names.server);

  const { token } = await ask('POST', '/join-tokens', {});
  const config = join(folder, 'config.json');
  const node = { NodeId: 'tried', Region: 'us-east', OrchestratorApiUrl: 'http://127.0.0.1:5000' };
  writeFileSync(config, JSON.stringify(node));
  chmodSync(config, 0o644);
  const told = [
    '--env',
    `HOTSWAP_AGENT_JOIN_TOKEN=${token}`,
    '--volume',
    `${config}:/etc/wasm-edge-agent/config.json:ro`,
  ];
  await engine('run', ...strictly(names.agent, names.agent, `container:${names.server}`), ...told, agent);
  await until('a healthy node', async () => (await ask('GET', '/nodes/tried')).status === 'Healthy');
  await checkFiles(engine, names.agent);

  const { moduleId } = await ask('POST', '/modules', { name: 'adder', version: '1.0.0', wasmBinary: adder });
  const { deploymentId } = await ask('POST', '/deployments', { moduleId, strategy: 'AllAtOnce' });
  await ask('POST', `/deployments/${deploymentId}/execute`, {});
  await until('a deployment', async () => (await ask('GET', `/deployments/${deploymentId}`)).status === 'Completed');
  await served();

  await stop(engine, names.agent);
  await stop(engine, names.server);
  await engine('start', names.server);
  await healthy();
  await engine('start', names.agent);
  await served();
  await stop(engine, names.agent);
  await stop(engine, names.server);
}

await runAsCommand('try-images', async () => {
  const options = { engine: { type: 'string', default: 'docker' } };
  const { values, positionals } = parseArgs({ allowPositionals: true, options });
  const [server, agent] = positionals;
  if (agent === undefined) throw new SetupProblem('name the image of the server and the image of the agent.');
  const engine = engineOf(values.engine);
  const mark = randomBytes(4).toString('hex');
  const names = { server: `hotswap-server-${mark}`, agent: `hotswap-agent-${mark}` };
  const folder = mkdtempSync(join(tmpdir(), 'hotswap-images-'));
  try {
    await workTogether(engine, { server, agent }, folder, names);
  } catch (error) {
    for (const name of Object.values(names))
      await run(values.engine, ['logs', '--tail', '40', name]).then(
        ({ stdout, stderr }) => say('try-images', `${name} said:\n${stdout}${stderr}`),
        () => undefined,
      );
    throw error;
  } finally {
    for (const name of [names.agent, names.server]) {
      await engine('rm', '--force', name).catch(() => undefined);
      await engine('volume', 'rm', '--force', name).catch(() => undefined);
    }
    rmSync(folder, { recursive: true, force: true });
  }
});
