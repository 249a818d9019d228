// `node scripts/try-compose.mjs [--production] [--compose 'docker compose'] [--engine docker] [--only SERVICE,...] [--run-checks]`:
// runs a Compose file of deploy with the images that it names, under a name and on ports of its own: up, a node joins, a
// deployment, a call, an end that no container has to be forced to, and all of it again on the same volumes. With --production
// behind nginx over TLS, with secrets that were made for it, two people for a deployment, a server that is replaced, and
// Prometheus. --only names the services to start where not every image is to be had; --run-checks is for an engine that runs no health
// checks by itself, such as podman without systemd.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { inRoot } from './bootstrap/paths.mjs';
import { runAsCommand, say } from './bootstrap/progress.mjs';
import { projectOf, runChecksOf } from './images/compose-project.mjs';
import { engineOf, logsOf, until } from './images/container-engine.mjs';
import { prepareProduction, workInProduction } from './images/production-trial.mjs';
import { askIn, callUntilAnswered, roll } from './images/tried-fleet.mjs';

const dataFolder = '/var/lib/hotswap';

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

async function workInDevelopment({ engine, project, services, port, env }) {
  const ready = async () => {
    await until('a ready server', async () => (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok);
    return askIn(engine.run, await project.containerOf('wasm-orchestrator'), dataFolder);
  };
  const answers = async (ask) => {
    await until('a healthy node', async () => (await ask('GET', '/nodes/edge-1')).status === 'Healthy');
    await callUntilAnswered(ask, 'edge-1');
  };
  await project.up(...services);
  const ask = await ready();
  env.HOTSWAP_AGENT_JOIN_TOKEN = (await ask('POST', '/join-tokens', {})).token;
  await project.upWith('node', ...services, 'wasm-edge-agent');
  await until('a healthy node', async () => (await ask('GET', '/nodes/edge-1')).status === 'Healthy');
  await roll(ask);
  await answers(ask);
  say('try-compose', 'joined, deployed, called');
  await project.stop();
  // The token is used up: the node comes back by its own credential.
  delete env.HOTSWAP_AGENT_JOIN_TOKEN;
  await project.upWith('node', ...services, 'wasm-edge-agent');
  await answers(await ready());
  say('try-compose', 'and again, on the same volumes');
  await project.stop();
}

await runAsCommand('try-compose', async () => {
  const { values } = parseArgs({
    options: {
      production: { type: 'boolean', default: false },
      compose: { type: 'string', default: 'docker compose' },
      engine: { type: 'string', default: 'docker' },
      agent: { type: 'string', default: 'wasm-edge-agent:1.0.0' },
      only: { type: 'string', default: '' },
      'run-checks': { type: 'boolean', default: false },
    },
  });
  const engine = { program: values.engine, run: engineOf(values.engine) };
  const name = `hotswap-tried-${randomBytes(4).toString('hex')}`;
  const services = values.only.split(',').filter(Boolean);
  const folder = mkdtempSync(join(tmpdir(), 'hotswap-compose-'));
  const port = await freePort();
  const prepared = values.production
    ? await prepareProduction({ folder, freePort })
    : { file: inRoot('deploy', 'docker-compose.yml'), env: { HOTSWAP_PUBLISHED_PORT: String(port) } };
  const project = projectOf({ engine, compose: values.compose, name, file: prepared.file, env: prepared.env });
  const endChecks = values['run-checks'] ? runChecksOf(project, engine) : () => {};
  try {
    if (values.production) await workInProduction({ engine, project, services, prepared, name, agent: values.agent });
    else await workInDevelopment({ engine, project, services, port, env: prepared.env });
  } catch (error) {
    for (const id of [...(await project.containers()), ...(values.production ? [name] : [])])
      say('try-compose', `${id} said:\n${await logsOf(values.engine, id)}`);
    throw error;
  } finally {
    endChecks();
    if (values.production) {
      await engine.run('rm', '--force', name).catch(() => undefined);
      await engine.run('volume', 'rm', '--force', name).catch(() => undefined);
    }
    await project.down();
    rmSync(folder, { recursive: true, force: true });
  }
});
