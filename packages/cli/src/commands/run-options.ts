import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { toDuration, type LoadOptions } from '@hotswap/core';
import { cliError } from '../error-codes.ts';

/** Options of `hotswap run` as they were written. @internal */
export interface RunFlags {
  readonly dir?: readonly string[];
  readonly env?: readonly string[];
  readonly stdin?: string;
  readonly timeout?: number;
  readonly memory?: number;
  readonly fuel?: number;
  readonly invoke?: string;
  readonly argv0?: string;
  readonly allowHost?: readonly string[];
  readonly allowPrivateAddresses?: boolean;
  readonly experimental?: readonly string[];
}

/** Without `--timeout` a program may run as long as it likes. */
const dayMs = 86_400_000;
const mostMemoryMB = 4_096;
const maxCapturedBytes = 67_108_864;

/**
 * What a program is granted, and what it may use.
 * @throws HS_CLI_INVALID_OPTION
 * @internal
 */
export async function loadOptions(file: string, flags: RunFlags, env: NodeJS.ProcessEnv): Promise<LoadOptions> {
  checkLimits(flags);
  const timeoutMs = flags.timeout === undefined ? dayMs : Math.max(1, Math.round(flags.timeout * 1_000));
  return {
    limits: {
      maxMemoryMB: flags.memory ?? mostMemoryMB,
      maxExecutionTime: toDuration(timeoutMs),
      maxCpuPercent: 100,
      maxInputSize: maxCapturedBytes,
    },
    maxOutputSize: maxCapturedBytes,
    maxLogBytesPerSecond: maxCapturedBytes,
    // Its start function would run twice, and with what it was granted.
    probe: false,
    wasi: {
      // Where it lies on this machine is none of its business.
      programName: flags.argv0 ?? basename(file),
      env: Object.fromEntries((flags.env ?? []).flatMap((text) => variable(text, env))),
      dirs: await Promise.all((flags.dir ?? []).map(directory)),
    },
    ...(flags.fuel === undefined ? {} : { runtime: { fuel: flags.fuel } }),
    ...(flags.allowHost === undefined
      ? {}
      : {
          network: { allowedHosts: flags.allowHost, allowPrivateAddresses: flags.allowPrivateAddresses ?? false },
        }),
  };
}

/** The engine would refuse these too, in words that name none of our options. */
function checkLimits({ fuel, memory, timeout }: RunFlags): void {
  if (fuel !== undefined && !Number.isSafeInteger(fuel)) refuse('--fuel', 'it must be a whole number');
  if (memory !== undefined && memory > mostMemoryMB) refuse('--memory', 'it must be 4,096 at most');
  if (timeout !== undefined && timeout * 1_000 > dayMs) refuse('--timeout', 'it must be 86,400 (a day) at most');
}

async function directory(text: string): Promise<{ hostPath: string; guestPath: string; readOnly: boolean }> {
  const [host = '', guest = host, access, ...more] = text.split('::');
  if (host === '' || guest === '' || (access !== undefined && access !== 'ro') || more.length > 0)
    refuse('--dir', 'it must be HOST, HOST::GUEST or HOST::GUEST::ro');
  const hostPath = resolve(host);
  const found = await stat(hostPath).catch((error: NodeJS.ErrnoException) =>
    refuse('--dir', `${host} cannot be opened: ${error.code ?? 'unknown'}`),
  );
  if (!found.isDirectory()) refuse('--dir', `${host} is no directory`);
  return { hostPath, guestPath: guest, readOnly: access === 'ro' };
}

/** Nothing for a name that this process has no variable of: the program then has none either. */
function variable(text: string, env: NodeJS.ProcessEnv): readonly (readonly [string, string])[] {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  if (name === '') refuse('--env', 'it must be NAME=VALUE or NAME');
  const value = at < 0 ? env[name] : text.slice(at + 1);
  return value === undefined ? [] : [[name, value]];
}

function refuse(option: string, why: string): never {
  throw cliError('HS_CLI_INVALID_OPTION', { option, why });
}
