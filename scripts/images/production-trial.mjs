// docker-compose.production.yml as the guide has people start it, in a copy of deploy: secrets, certificates, TLS before
// nginx, a node, a deployment of one person that another one executes, Prometheus, another container of the server.
import { chmodSync, chownSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { inRoot } from '../bootstrap/paths.mjs';
import { SetupProblem, say } from '../bootstrap/progress.mjs';
import { engineOf, until } from './container-engine.mjs';
import { callUntilAnswered, roll } from './tried-fleet.mjs';

const userId = 10001;

/** A copy of deploy whose ports are free ones of this machine alone; `ports` says which they are. */
async function copyOf(folder, freePort) {
  const copy = join(folder, 'deploy');
  cpSync(inRoot('deploy'), copy, { recursive: true });
  const file = join(copy, 'docker-compose.production.yml');
  let text = readFileSync(file, 'utf8');
  const ports = {};
  for (const [all, port] of [...text.matchAll(/'(?:127\.0\.0\.1:)?\d+:(\d+)'/g)]) {
    ports[port] = await freePort();
    text = text.replace(all, `'127.0.0.1:${ports[port]}:${port}'`);
  }
  writeFileSync(file, text);
  return { copy, file, ports };
}

async function secretsOf(copy) {
  const env = join(copy, '.env');
  await engineOf(join(copy, 'scripts', 'generate_secrets.sh'))('-o', env);
  const secrets = Object.fromEntries(
    readFileSync(env, 'utf8')
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const certs = join(copy, 'certs');
  await engineOf(process.execPath)(inRoot('scripts', 'make-certificates.mjs'), certs, secrets.CERT_PASSWORD);
  if (process.getuid?.() === 0) chownSync(join(certs, 'cert.pfx'), userId, userId);
  else chmodSync(join(certs, 'cert.pfx'), 0o644);
  return { secrets, ca: readFileSync(join(certs, 'ca.pem')) };
}

/** Asks the server through nginx. */
const askBy = ({ port, ca, token }) => {
  const ask = (method, path, body) =>
    new Promise((done, failed) => {
      const headers = {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token()}` }),
      };
      const sent = request({ host: '127.0.0.1', port, ca, method, path: `/api/v1${path}`, headers }, (answer) => {
        let said = '';
        answer.setEncoding('utf8').on('data', (chunk) => (said += chunk));
        answer.on('end', () => {
          const isOk = answer.statusCode >= 200 && answer.statusCode < 300;
          if (isOk) done(said === '' ? undefined : JSON.parse(said));
          else failed(new SetupProblem(`${method} ${path}: ${answer.statusCode} ${said}`));
        });
      });
      sent.on('error', failed).end(body === undefined ? undefined : JSON.stringify(body));
    });
  return { api: ask, wasm: (method, path, body) => ask(method, `/wasm${path}`, body) };
};

/** The developer whose deployments the first administrator approves. */
async function developerOf(admin, way) {
  const user = { username: 'tried@example.com', password: 'tried-and-found-good' };
  await admin.api('POST', '/auth/users', { ...user, role: 'developer' });
  const { token } = await askBy(way).api('POST', '/auth/login', user);
  return askBy({ ...way, token: () => token });
}

/** A node beside nginx, so that it reaches it by a name that the certificate has. */
async function startNode(engine, project, { copy, name, agent }, token) {
  const ca = join(copy, 'certs', 'ca.pem');
  const told = {
    JOIN_TOKEN: token,
    ORCHESTRATOR_API_URL: 'https://127.0.0.1',
    CA_FILE: '/etc/ca.pem',
    DATA_PLANE_HOST: '0.0.0.0',
    DATA_PLANE_PORT: '7000',
    DATA_PLANE_URL: 'http://nginx:7000',
  };
  const env = Object.entries(told).flatMap(([key, value]) => ['--env', `HOTSWAP_AGENT_${key}=${value}`]);
  const beside = `container:${await project.containerOf('nginx')}`;
  await engine.run(
    ...['run', '--detach', '--name', name, '--network', beside, '--volume', `${name}:/var/lib/hotswap`],
    ...['--volume', `${ca}:/etc/ca.pem:ro`, ...env, agent, '--node-id', 'tried', '--region', 'us-east'],
  );
}

async function watched(admin, { copy, ports }) {
  const { key } = await admin.api('POST', '/auth/keys', { name: 'Prometheus', role: 'metrics' });
  writeFileSync(join(copy, 'prometheus', 'hotswap-metrics.key'), key);
  await until('a server that Prometheus sees', async () => {
    const { data } = await (await fetch(`http://127.0.0.1:${ports[9090]}/api/v1/targets`)).json();
    return data.activeTargets.some(({ labels, health }) => labels.job === 'wasm-orchestrator' && health === 'up');
  });
  say('try-compose', 'Prometheus sees the server');
}

export async function prepareProduction({ folder, freePort }) {
  const { copy, file, ports } = await copyOf(folder, freePort);
  const { secrets, ca } = await secretsOf(copy);
  return { copy, file, ports, env: secrets, ca };
}

export async function workInProduction({ engine, project, services, prepared, name, agent }) {
  const { copy, ports, ca } = prepared;
  const isReady = async () =>
    (
      await askBy({ port: ports[443], ca })
        .api('GET', '/wasm/modules')
        .catch(({ message }) => message)
    ).includes(' 401 ');
  await project.up(...services);
  await until('a ready server behind nginx', isReady);
  const [, first] = /the administrator's token is (\S+)/.exec(await project.logsOf('wasm-orchestrator')) ?? [];
  const way = { port: ports[443], ca };
  const admin = askBy({ ...way, token: () => first });
  const developer = await developerOf(admin, way);
  await startNode(engine, project, { copy, name, agent }, (await admin.wasm('POST', '/join-tokens', {})).token);
  const joined = async () => (await admin.wasm('GET', '/nodes/tried')).status === 'Healthy';
  await until('a healthy node', joined);
  await roll(developer.wasm, admin.wasm);
  await callUntilAnswered(developer.wasm, 'tried');
  say('try-compose', 'over TLS: joined, deployed by two people, called');
  if (services.length === 0 || services.includes('prometheus')) await watched(admin, prepared);
  // An update puts another container in the server's place; nginx is not told.
  await project.up('--force-recreate', '--no-deps', 'wasm-orchestrator');
  await until('a ready server behind nginx', isReady);
  await callUntilAnswered(admin.wasm, 'tried');
  say('try-compose', 'and again by another container of the server');
  await engine.run('stop', '-t', '10', name);
  await project.stop();
  await project.start(...services);
  await until('a ready server behind nginx', isReady);
  await engine.run('start', name);
  await until('a healthy node', joined);
  await callUntilAnswered(admin.wasm, 'tried');
  say('try-compose', 'and again, on the same volumes');
  await engine.run('stop', '-t', '10', name);
  await project.stop();
}
