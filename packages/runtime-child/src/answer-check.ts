import type { ChildFailure, RequestMessage, WireOutput, WireUsage } from './child-messages.ts';
import { isNumberType } from './core-values.ts';
import type { Frame } from './frame-codec.ts';

type Fields = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Fields =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** @internal */
export const isFailure = (value: unknown): value is ChildFailure =>
  isRecord(value) && typeof value['code'] === 'string' && isRecord(value['details']);

/** @internal */
export const isGreeting = (value: unknown): boolean =>
  isRecord(value) && (typeof value['protocol'] === 'number' || isFailure(value['failure']));

/** Whether a greeting of this version says all that is needed of it. @internal */
export const isHello = (value: unknown): boolean =>
  isRecord(value) &&
  typeof value['engine'] === 'string' &&
  typeof value['version'] === 'string' &&
  isRecord(value['capabilities']);

/**
 * What is wrong with a frame that came while a request was under way; `undefined`: it is its answer. Whoever reads on relies
 * on all that is asked for here.
 * @internal
 */
export function wrongInAnswer(
  { message, attached }: Frame,
  id: number,
  { do: what }: RequestMessage,
): string | undefined {
  if (!isRecord(message) || !isCount(message['id'])) return 'it sent what is no answer';
  if (message['id'] !== id)
    return `it answered request ${message['id']} ${message['id'] < id ? 'again' : 'that nobody had made'} in place of request ${id}`;
  const { usage, output, failure, ok } = message;
  const isWhole =
    isUsage(usage) &&
    (output === undefined || isOutput(output, attached.length)) &&
    (failure === undefined ? isOutcome[what](ok) : isFailure(failure));
  return isWhole ? undefined : `its answer to ${what} lacks what belongs there`;
}

function isUsage(value: unknown): value is WireUsage {
  if (!isRecord(value)) return false;
  const { fuelUsed, peakMemoryBytes, memoryRefusals } = value;
  return (fuelUsed === null || isAmount(fuelUsed)) && isAmount(peakMemoryBytes) && isAmount(memoryRefusals);
}

/** Fuel may be more than can be counted exactly. */
const isAmount = (value: unknown): boolean => typeof value === 'number' && value >= 0;

function isOutput(value: unknown, attachedBytes: number): value is WireOutput {
  if (!isRecord(value)) return false;
  const { stdoutBytes, stdoutDroppedBytes, stderrDroppedBytes } = value;
  return (
    isCount(stdoutBytes) && stdoutBytes <= attachedBytes && isCount(stdoutDroppedBytes) && isCount(stderrDroppedBytes)
  );
}

const isDescription = (ok: unknown): boolean =>
  isRecord(ok) &&
  ['imports', 'exports', 'functions'].every((name) => Array.isArray(ok[name]) && ok[name].every(isNamed));

const isNamed = (value: unknown): boolean =>
  isRecord(value) && typeof value['name'] === 'string' && (value['params'] ?? []) instanceof Array;

const isResults = (ok: unknown): boolean =>
  isRecord(ok) && Array.isArray(ok['results']) && ok['results'].every(isWireValue);

const isWireValue = (value: unknown): boolean =>
  Array.isArray(value) &&
  isNumberType(value[0] as string) &&
  typeof value[1] === 'string' &&
  /^\d{1,20}$/.test(value[1]);

const anything = (): boolean => true;

const isOutcome: Readonly<Record<RequestMessage['do'], (ok: unknown) => boolean>> = {
  inspect: isDescription,
  load: isDescription,
  start: anything,
  unload: anything,
  open: anything,
  call: isResults,
  callInstance: isResults,
  run: (ok) => isRecord(ok) && Number.isSafeInteger(ok['exitCode']),
};
