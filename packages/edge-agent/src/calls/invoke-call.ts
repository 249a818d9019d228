import {
  isHotSwapError,
  type CommandOptions,
  type Json,
  type SlotCall,
  type SlotTable,
  type TraceSpan,
} from '@hotswap/core';
import { decodeBase64, encodeBase64, toWitValues, witToJson, type InvokeAnswer } from '@hotswap/protocol';
import { outcomeOfFailure, type CallOutcome } from '../metrics/call-metrics.ts';
import { agentError } from '../error-codes.ts';
import { outputOfFailure } from './health-question.ts';
import type { LiveRelease, ReadyRelease } from '../modules/live-release.ts';
import type { ModuleLog } from '../log/node-log.ts';
import type { ServedModule } from '../modules/served-module.ts';

/** One call as the data plane received it. @internal */
export interface InvokeCall {
  readonly moduleName: string;
  readonly functionName: string;
  /** Pin; absent: chosen by weight. */
  readonly releaseId: string | undefined;
  readonly stickyKey: string | undefined;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal;
  /** The call's own span. Absent: it is not traced. */
  readonly span?: TraceSpan | undefined;
}

interface InvokeBody {
  readonly args?: unknown;
  readonly stdin?: unknown;
  readonly env?: unknown;
}

type Target = { readonly live: LiveRelease; readonly ready: ReadyRelease };

/** Codes that say that nothing was run because the version is not held here any more. */
const goneCodes: ReadonlySet<string> = new Set(['HS_RUNTIME_NO_SLOT', 'HS_RUNTIME_NO_VERSION', 'HS_RUNTIME_CLOSED']);
/** JSON is larger than the values in it: base64 by a third, text by its escapes. */
const jsonGrowth = 2;
const jsonOverheadBytes = 65_536;

/**
 * Performs calls: finds the release, turns JSON into values and back, counts.
 * @internal
 */
export class InvokeCalls {
  readonly #module: (moduleName: string) => ServedModule | undefined;
  readonly #slots: SlotTable;
  readonly #log: ModuleLog;

  constructor(module: (moduleName: string) => ServedModule | undefined, slots: SlotTable, log: ModuleLog) {
    this.#module = module;
    this.#slots = slots;
    this.#log = log;
  }

  /**
   * Bytes that the body of a call may have.
   * @throws HS_AGENT_RELEASE_NOT_HERE, HS_AGENT_MODULE_NOT_HERE
   */
  bodyLimitBytes(call: InvokeCall): number {
    return this.#target(call).live.desired.resourceLimits.maxInputSize * jsonGrowth + jsonOverheadBytes;
  }

  /**
   * @returns the answer as JSON text
   * @throws HS_AGENT_RELEASE_NOT_HERE, HS_AGENT_MODULE_NOT_HERE, HS_AGENT_INVALID_REQUEST, HS_AGENT_INVALID_ARGUMENT and
   * the codes of `SlotTable.invoke`
   */
  async perform(call: InvokeCall, body: string): Promise<string> {
    const request = readBody(body);
    const target = this.#target(call);
    const { functionName } = call;
    const signature = target.ready.functions.find(functionName);
    const isProgram =
      target.ready.module.description.isCommand &&
      (functionName === '_start' || (functionName === 'run' && signature?.name !== 'run'));
    if (isProgram) return this.#run(call, target, request);
    if (signature === undefined) {
      throw agentError('HS_AGENT_UNKNOWN_FUNCTION', { moduleId: target.live.desired.moduleId, functionName });
    }
    if (request.stdin !== undefined || request.env !== undefined)
      throw invalid('stdin and env are for WASI commands, and this is a function');
    const args = toWitValues(signature, readArgs(request.args));
    const options = slotCall(call, target);
    return this.#counted(call, target, async () => {
      try {
        const { result } = await this.#slots.invoke(call.moduleName, signature.name, args, options);
        if (result.stdout !== undefined || result.stderr !== undefined) this.#log.output(target.live.subject, result);
        return { outcome: 'ok', answer: { result: witToJson(result.value), ...fuelOf(result) } };
      } catch (error) {
        if (!isHotSwapError(error, 'HS_RUNTIME_GUEST_ERROR')) throw error;
        this.#log.output(target.live.subject, outputOfFailure(error));
        return { outcome: 'error', answer: { result: { err: error.details['payload'] ?? null } } };
      }
    });
  }

  #run(call: InvokeCall, target: Target, request: InvokeBody): Promise<string> {
    const options: CommandOptions & SlotCall = { ...slotCall(call, target), ...readCommand(request) };
    const { moduleName } = call;
    return this.#counted(call, target, async () => {
      const { result } = await this.#slots.run(moduleName, options);
      const { exitCode } = result;
      if (result.stdout.length > 0 || result.stderr.length > 0) this.#log.output(target.live.subject, result);
      const answer = {
        result: null,
        stdout: encodeBase64(result.stdout),
        stderr: encodeBase64(result.stderr),
        exitCode,
        ...fuelOf(result),
      };
      return { outcome: exitCode === 0 ? 'ok' : 'error', answer };
    });
  }

  async #counted(
    { span, functionName }: InvokeCall,
    { live, ready }: Target,
    work: () => Promise<{
      readonly outcome: CallOutcome;
      readonly answer: Omit<InvokeAnswer, 'moduleId' | 'releaseId' | 'durationMs'>;
    }>,
  ): Promise<string> {
    const execution = span?.child('module execution', {
      attributes: {
        'hotswap.module.id': live.desired.moduleId,
        'hotswap.release.id': live.releaseId,
        'hotswap.function': functionName,
      },
    });
    const started = performance.now();
    try {
      const { outcome, answer } = await work();
      const durationMs = performance.now() - started;
      execution?.end(outcome === 'ok' ? undefined : 'the guest answered with an error');
      ready.calls.record(durationMs, outcome);
      const { moduleId, releaseId } = live.desired;
      return JSON.stringify({
        ...answer,
        moduleId,
        releaseId,
        durationMs: Math.round(durationMs * 1_000) / 1_000,
      } satisfies InvokeAnswer);
    } catch (error) {
      execution?.end(isHotSwapError(error) ? error.code : 'unexpected');
      if (isHotSwapError(error) && goneCodes.has(error.code)) throw notHere(live.moduleName, live.releaseId);
      const outcome = outcomeOfFailure(error);
      if (outcome !== undefined) ready.calls.record(performance.now() - started, outcome);
      this.#noteFailure(live, functionName, error, outcome);
      throw error;
    }
  }

  #noteFailure(live: LiveRelease, functionName: string, error: unknown, outcome: CallOutcome | undefined): void {
    if (!isHotSwapError(error)) return;
    this.#log.output(live.subject, outputOfFailure(error));
    if (outcome === 'crash') this.#log.note(live.subject, 'error', `${functionName}: ${error.code}: ${error.message}`);
  }

  #target({ moduleName, releaseId, stickyKey }: InvokeCall): Target {
    const module = this.#module(moduleName);
    const live = releaseId === undefined ? module?.choose(stickyKey) : module?.release(releaseId);
    const ready = live?.ready;
    if (live === undefined || ready === undefined) throw notHere(moduleName, releaseId);
    return { live, ready };
  }
}

/** Present only where the module's fuel is metered. */
function fuelOf({ fuelUsed }: { readonly fuelUsed?: number }): { fuelUsed?: number } {
  return fuelUsed === undefined ? {} : { fuelUsed };
}

function notHere(moduleName: string, releaseId: string | undefined): Error {
  return releaseId === undefined
    ? agentError('HS_AGENT_MODULE_NOT_HERE', { moduleName })
    : agentError('HS_AGENT_RELEASE_NOT_HERE', { moduleName, releaseId });
}

/** Always pinned: the release that the arguments were read for is the one that gets them. */
function slotCall({ timeoutMs, signal }: InvokeCall, { live }: Target): SlotCall {
  return timeoutMs === undefined ? { version: live.releaseId, signal } : { version: live.releaseId, signal, timeoutMs };
}

function readBody(body: string): InvokeBody {
  if (body === '') return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw invalid('the body is no JSON');
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed))
    throw invalid('the body must be an object');
  for (const key of Object.keys(parsed)) {
    if (key !== 'args' && key !== 'stdin' && key !== 'env')
      throw invalid(`the field ${key.slice(0, 50)} is not known: args, stdin and env are`);
  }
  return parsed;
}

function readArgs(args: unknown): readonly Json[] {
  if (args === undefined) return [];
  if (!Array.isArray(args)) throw invalid('args must be an array');
  return args as readonly Json[];
}

function readCommand({ args, stdin, env }: InvokeBody): CommandOptions {
  const texts = readArgs(args);
  if (!texts.every((arg) => typeof arg === 'string')) throw invalid('args of a WASI command must be texts');
  return { ...(args === undefined ? {} : { args: texts }), ...readStdin(stdin), ...readEnv(env) };
}

function readStdin(stdin: unknown): Pick<CommandOptions, 'stdin'> {
  if (stdin === undefined) return {};
  const bytes = typeof stdin === 'string' ? decodeBase64(stdin) : null;
  if (bytes === null) throw invalid('stdin must be base64 with padding');
  return { stdin: bytes };
}

function readEnv(env: unknown): Pick<CommandOptions, 'env'> {
  if (env === undefined) return {};
  if (env === null || typeof env !== 'object' || Array.isArray(env)) throw invalid('env must be an object of texts');
  for (const [name, value] of Object.entries(env)) {
    if (typeof value !== 'string' || name === '' || /[=\0]/.test(name) || value.includes('\0'))
      throw invalid('env must be an object of texts without NUL and = in names');
  }
  return { env: env as Record<string, string> };
}

function invalid(why: string): Error {
  return agentError('HS_AGENT_INVALID_REQUEST', { why });
}
