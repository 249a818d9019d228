import {
  simulateRequestSchema,
  simulateTrainRequestSchema,
  type CheckedTrainSimulation,
  type SimulateRequest,
  type SimulateTrainRequest,
  type createDeploymentSchema,
} from '@hotswap/protocol';
import type { z } from 'zod';
import { simulatorError } from './error-codes.ts';

/** A scenario of one deployment as the schema read it. @public */
export type CheckedSimulation = Omit<SimulateRequest, 'deployment'> & {
  readonly deployment: z.output<typeof createDeploymentSchema>;
};

/**
 * Reads a scenario of one deployment: the contents of a scenario file.
 * @throws HS_CONFIG_INVALID_SCENARIO with `errors`, each with a JSON pointer
 * @public
 */
export function readScenario(value: unknown): CheckedSimulation {
  return readBy(simulateRequestSchema, value);
}

/**
 * The same of a release train, as it was written.
 * @throws HS_CONFIG_INVALID_SCENARIO with `errors`, each with a JSON pointer
 * @public
 */
export function readTrainScenario(value: unknown): SimulateTrainRequest {
  checkTrainScenario(value);
  return value as SimulateTrainRequest;
}

/** A scenario of a train with its defaults. @throws HS_CONFIG_INVALID_SCENARIO @internal */
export function checkTrainScenario(value: unknown): CheckedTrainSimulation {
  return readBy(simulateTrainRequestSchema, value);
}

function readBy<Output>(schema: z.ZodType<Output, unknown>, value: unknown): Output {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  throw invalidScenario(
    read.error.issues.map((issue) => {
      const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : issue.path;
      return {
        pointer: path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
        detail: issue.message,
      };
    }),
  );
}

/** @internal */
export function invalidScenario(errors: readonly { readonly pointer: string; readonly detail: string }[]): Error {
  const why = errors.map(({ pointer, detail }) => `${pointer === '' ? 'the whole' : pointer} ${detail}`).join('; ');
  return simulatorError('HS_CONFIG_INVALID_SCENARIO', { why, pointer: errors[0]?.pointer ?? '', errors: [...errors] });
}
