import {
  durationMs,
  isHotSwapError,
  type CallResult,
  type HealthCheck,
  type LoadedModule,
  type WitValue,
} from '@hotswap/core';
import { shownText } from '@hotswap/protocol';
import { FunctionLookup } from './function-lookup.ts';
import type { GuestOutput } from '../log/node-log.ts';

/** Whom to ask and who hears what the function writes. @internal */
export interface HealthQuestion {
  readonly module: LoadedModule;
  readonly check: HealthCheck;
  readonly signal: AbortSignal;
  readonly onOutput?: ((output: GuestOutput) => void) | undefined;
}

/**
 * Calls a module's health function once, in an instance of its own. Never throws.
 * @returns `undefined` for the answer that means healthy, else what was said instead: text that does nothing to a terminal
 * @internal
 */
export async function askHealth(question: HealthQuestion): Promise<string | undefined> {
  const failure = await failureOf(question);
  return failure === undefined ? undefined : shownText(failure);
}

async function failureOf({ module, check, signal, onOutput }: HealthQuestion): Promise<string | undefined> {
  const { functionName } = check;
  const signature = new FunctionLookup(module.description).find(functionName);
  if (signature === undefined) return `the module exports no function ${functionName}`;
  let answer: CallResult;
  try {
    answer = await module.invoke(signature.name, [], { timeoutMs: durationMs(check.timeout), signal });
  } catch (error) {
    onOutput?.(outputOfFailure(error));
    if (isHotSwapError(error, 'HS_RUNTIME_TIMEOUT')) return `${functionName} did not answer within ${check.timeout}`;
    return `${functionName} failed: ${isHotSwapError(error) ? error.message : 'unknown error'}`;
  }
  onOutput?.(answer);
  if (isHealthy(answer.value, signature.result, check.expected, module.description.kind === 'core')) return undefined;
  return `${functionName} answered ${describe(answer.value)} instead of "${check.expected}"`;
}

/** What a call had written before it failed. @internal */
export function outputOfFailure(error: unknown): GuestOutput {
  if (!isHotSwapError(error)) return {};
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  return { stdout: text(error.details['stdout']), stderr: text(error.details['stderr']) };
}

/**
 * Whether an answer means healthy: the expected text, `true`, an `ok` result whatever it carries, or 1 from a core
 * module. The err case of a result never arrives here: runtimes raise it.
 */
function isHealthy(value: WitValue, resultType: string | undefined, expected: string, isCore: boolean): boolean {
  if (resultType?.startsWith('result') === true) return true;
  if (value === true || value === expected) return true;
  if (typeof value !== 'number' && typeof value !== 'bigint') return false;
  return String(value) === expected || (isCore && Number(value) === 1);
}

function describe(value: WitValue): string {
  if (value === undefined) return 'nothing';
  return JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? member.toString() : member));
}
