// `node scripts/try-images.mjs SERVER_IMAGE AGENT_IMAGE [--engine docker|podman]`: has the two images work together, with a
// file system that is read-only but for a volume and /tmp, no capabilities, and no network but their own loopback. Health
// check, user, join, a deployment, a call, an end within the time that engines give, also during the start, and all of it once
// more on the same volumes.
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SetupProblem, runAsCommand, say, seconds } from './bootstrap/progress.mjs';
import { engineOf, logsOf, until } from './images/container-engine.mjs';
import { askIn, callUntilAnswered, roll } from './images/tried-fleet.mjs';

/** What engines wait by default between SIGTERM and SIGKILL. */
const stopSeconds = 10;
/** Of a program that was not yet ready to be asked to end: 128 and the number of SIGTERM. */
const endedBySignal = '143';
const userId = '10001';
const dataFolder = '/var/lib/hotswap';
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
  const ask = askIn(engine, names.server, dataFolder);
  const healthy = async () => {
    const sinceMs = performance.now();
    await until('a healthy server', async () => (await engine('exec', names.server, ...healthCheck), true));
    say('try-images', `the server is healthy after ${seconds(sinceMs)}`);
  };
  const served = async () => {
    await until('a healthy node', async () => (await ask('GET', '/nodes/tried')).status === 'Healthy');
    await callUntilAnswered(ask, 'tried');
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

  await roll(ask);
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
    for (const name of Object.values(names)) say('try-images', `${name} said:\n${await logsOf(values.engine, name)}`);
    throw error;
  } finally {
    for (const name of [names.agent, names.server]) {
      await engine('rm', '--force', name).catch(() => undefined);
      await engine('volume', 'rm', '--force', name).catch(() => undefined);
    }
    rmSync(folder, { recursive: true, force: true });
  }
});
