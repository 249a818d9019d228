import { z } from 'zod';
import type { DeploymentStatus } from '@hotswap/core';
import { deploymentStatuses } from '@hotswap/core';
import { affectedConsumerSchema, type AffectedConsumerView } from './interface-api.ts';
import {
  simulatedCourseShape,
  simulatedOutcomeShape,
  simulationConditionsShape,
  type SimulatedCourse,
  type SimulatedOutcome,
  type SimulationConditions,
} from './simulation-api.ts';
import { createTrainSchema, type CheckedTrain, type CreateTrainRequest } from './train-api.ts';

/** A release train that is tried in virtual time: the body of `POST /trains/simulate`, and a scenario file. @public */
export interface SimulateTrainRequest extends SimulationConditions {
  readonly train: CreateTrainRequest;
}

/** A member of a simulated train, in its turn. @public */
export interface SimulatedMember extends SimulatedOutcome {
  readonly moduleId: string;
  readonly deploymentId: string;
  /** Members that go first, each with the import that it satisfies. */
  readonly after: readonly { readonly moduleId: string; readonly through: string }[];
  /** When its turn came, and when it was over for the last time, since execute; `null`: never. */
  readonly beganAtMs: number | null;
  readonly endedAtMs: number | null;
  /** Who would break when its turn comes, by what serves then. Absent without a server, which alone knows. */
  readonly breaks?: readonly AffectedConsumerView[];
  /** Why a server would not create the train because of it; the train was simulated as if it did. */
  readonly refusal?: { readonly code: string; readonly detail: string };
}

/** @public */
export interface TrainSimulationResult extends SimulatedCourse {
  readonly status: DeploymentStatus;
  readonly reason?: string;
  readonly order: 'interfaces' | 'given';
  /** In the order in which they go. */
  readonly members: readonly SimulatedMember[];
}

/** A train to be simulated as the schema read it. @public */
export type CheckedTrainSimulation = Omit<SimulateTrainRequest, 'train'> & { readonly train: CheckedTrain };

/** @see {@link SimulateTrainRequest} @public */
export const simulateTrainRequestSchema: z.ZodType<CheckedTrainSimulation, unknown> = z
  .strictObject({ train: createTrainSchema, ...simulationConditionsShape })
  .meta({ id: 'SimulateTrainRequest' });

/** @see {@link TrainSimulationResult} @public */
export const trainSimulationResultSchema: z.ZodType<TrainSimulationResult> = z
  .object({
    status: z.enum(deploymentStatuses),
    reason: z.string().exactOptional(),
    order: z.enum(['interfaces', 'given']),
    ...simulatedCourseShape,
    members: z.array(
      z.object({
        moduleId: z.string(),
        deploymentId: z.string(),
        after: z.array(z.object({ moduleId: z.string(), through: z.string() })),
        beganAtMs: z.number().nullable(),
        endedAtMs: z.number().nullable(),
        breaks: z.array(affectedConsumerSchema).exactOptional(),
        refusal: z.object({ code: z.string(), detail: z.string() }).exactOptional(),
        ...simulatedOutcomeShape,
      }),
    ),
  })
  .meta({ id: 'TrainSimulationResult' });
