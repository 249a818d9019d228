import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { haproxyConfig } from '@hotswap/router-haproxy';

const programs = fileURLToPath(new URL('../../../scripts/programs.mjs', import.meta.url));
/** Whoever holds its input keeps it alive. */
const untilInputEnds = '"$@" </dev/null & program=$!; read -r _; kill -KILL $program 2>/dev/null; wait $program';

/** A running HAProxy with the configuration that the package writes. */
export interface HaproxyProgram {
  readonly url: string;
  readonly socket: string;
  readonly mapFile: string;
  stop(): Promise<void>;
}

/** Starts the real program on a port of loopback, its files in the folder. */
export async function startHaproxy(directory: string, port: number): Promise<HaproxyProgram> {
  const [socket, mapFile, file] = ['admin.sock', 'routes.map', 'haproxy.cfg'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(mapFile, '');
  await writeFile(
    file,
    haproxyConfig({ bind: `127.0.0.1:${String(port)}`, socket, mapFile, affinityHeaders: ['x-client'] }),
  );
  const { stdout } = await promisify(execFile)(process.execPath, [programs, 'haproxy']);
  const command = [...(JSON.parse(stdout) as string[]), '-db', '-f', file];
  const child = spawn('sh', ['-c', untilInputEnds, 'sh', ...command], { stdio: ['pipe', 'ignore', 'ignore'] });
  const ended = once(child, 'exit');
  while (!(await answers(port)) && child.exitCode === null) await sleep(50);
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  return { url: `http://127.0.0.1:${String(port)}`, socket, mapFile, stop };
}

async function answers(port: number): Promise<boolean> {
  const connection = createConnection(port, '127.0.0.1');
  const isUp = await Promise.race([
    once(connection, 'connect').then(() => true),
    once(connection, 'error').then(() => false),
  ]).catch(() => false);
  connection.destroy();
  return isUp;
}
