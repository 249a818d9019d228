import { readFile } from 'node:fs/promises';
import { InvalidArgumentError } from 'commander';
import type { Json } from '@hotswap/core';
import type { ExecuteTrainRequest } from '@hotswap/protocol';
import { cliError } from './error-codes.ts';

/** Reads a positive number of an option. @internal */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

/** Collects a repeatable option. @internal */
export function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

/** What `--override` adds to an execution. @internal */
export function overrideOf(reason: string | undefined): ExecuteTrainRequest {
  return reason === undefined ? {} : { override: { reason } };
}

/** JSON given as text, or as `@file`. @throws HS_CLI_INVALID_OPTION, HS_CLI_UNREADABLE_FILE @internal */
export async function jsonOption(option: string, text: string): Promise<Json> {
  const content = text.startsWith('@') ? (await readFileOf(text.slice(1))).toString('utf8') : text;
  try {
    return JSON.parse(content) as Json;
  } catch (cause) {
    throw cliError(
      'HS_CLI_INVALID_OPTION',
      { option, why: `it must be JSON, or @file with JSON: ${(cause as Error).message}` },
      cause,
    );
  }
}

/** The same for what can only be an object. @throws HS_CLI_INVALID_OPTION, HS_CLI_UNREADABLE_FILE @internal */
export async function jsonObjectOption(option: string, text: string): Promise<object> {
  const read = await jsonOption(option, text);
  if (read !== null && typeof read === 'object' && !Array.isArray(read)) return read;
  throw cliError('HS_CLI_INVALID_OPTION', { option, why: 'it must be a JSON object' });
}

/** Variables given as `NAME=VALUE`. @throws HS_CLI_INVALID_OPTION @internal */
export function variablesOf(option: string, pairs: readonly string[] = []): Readonly<Record<string, string>> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      // What was given may be a secret, so it is not repeated.
      if (at < 1) throw cliError('HS_CLI_INVALID_OPTION', { option, why: 'each one is written as NAME=VALUE' });
      return [pair.slice(0, at), pair.slice(at + 1)] as const;
    }),
  );
}

/** @throws HS_CLI_UNREADABLE_FILE @internal */
export async function readFileOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw cliError('HS_CLI_UNREADABLE_FILE', { file, why: (cause as NodeJS.ErrnoException).code ?? 'unknown' }, cause);
  }
}

/** An argument of a call: JSON when it reads as JSON, else the text itself. @internal */
export function callArgument(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
