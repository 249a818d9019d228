import { z } from 'zod';
import { deploymentStatuses, type DeploymentStatus } from '@hotswap/core';
import {
  createDeploymentSchema,
  deploymentViewSchema,
  type CreateDeploymentRequest,
  type DeploymentView,
} from './deployment-api.ts';
import { overrideSchema, type OverrideRequest } from './deployment-commands.ts';
import { moduleIdSchema, timestampSchema } from './wire-text.ts';

/** Body of a new release train: a deployment of several modules. @public */
export interface CreateTrainRequest extends Omit<CreateDeploymentRequest, 'moduleId' | 'deploymentId' | 'undoes'> {
  /** 2-50 versions of different modules. */
  readonly moduleIds: readonly string[];
  /** Begins with `train-`, and is one of the whole installation, whatever the tenant. Default: a new id. */
  readonly trainId?: string;
  /**
   * `interfaces` (default): whoever exports what another one imports goes first, the rest as given. `given`: as given, which
   * is also the way out when modules need one another in a circle.
   */
  readonly order?: 'interfaces' | 'given';
}

/** One module version of a train. @public */
export interface TrainMemberView {
  readonly deploymentId: string;
  readonly moduleId: string;
  /** Members that go first, each with the import that it satisfies. */
  readonly after: readonly { readonly moduleId: string; readonly through: string }[];
  /** `null` when it could not be created. */
  readonly deployment: DeploymentView | null;
}

/** Several deployments that go one after the other, and back together. @public */
export interface TrainView {
  readonly trainId: string;
  readonly status: DeploymentStatus;
  /** Why it goes back, went back, or waits. */
  readonly reason?: string;
  readonly order: 'interfaces' | 'given';
  readonly createdBy: string;
  readonly createdAt: string;
  /** In the order in which they go. */
  readonly members: readonly TrainMemberView[];
}

/** @public */
export interface TrainList {
  readonly trains: readonly TrainView[];
  readonly nextCursor: string | null;
}

/** A train as the schema read it: what all members have in common, and which they are. @public */
export interface CheckedTrain {
  readonly moduleIds: readonly string[];
  readonly trainId?: string;
  readonly order: 'interfaces' | 'given';
  /** Without `moduleId` and `deploymentId`, which each member has its own of. */
  readonly common: Omit<z.output<typeof createDeploymentSchema>, 'moduleId' | 'deploymentId'>;
}

/** Reads the members' own fields here, and leaves the rest to the schema of deployments. @see {@link CreateTrainRequest} @public */
export const createTrainSchema: z.ZodType<CheckedTrain, unknown> = z
  .looseObject({
    moduleIds: z.array(moduleIdSchema).min(2).max(50),
    trainId: z
      .string()
      .regex(/^train-[A-Za-z0-9][A-Za-z0-9-]{0,30}$/, 'must be train- and up to 31 letters, digits and -')
      .exactOptional(),
    order: z.enum(['interfaces', 'given']).default('interfaces'),
  })
  .transform(({ moduleIds, trainId, order, ...rest }, context): CheckedTrain => {
    for (const key of ['moduleId', 'deploymentId', 'undoes'])
      if (Object.hasOwn(rest, key))
        context.addIssue({
          code: 'custom',
          path: [key],
          message: 'belongs to single deployments: use moduleIds and trainId',
        });
    const read = createDeploymentSchema.safeParse({ ...rest, moduleId: moduleIds[0] });
    if (!read.success) {
      context.issues.push(...(read.error.issues as unknown as typeof context.issues));
      return z.NEVER;
    }
    const { moduleId: _moduleId, deploymentId: _deploymentId, ...common } = read.data;
    return { moduleIds, order, common, ...(trainId === undefined ? {} : { trainId }) };
  })
  .meta({ id: 'CreateTrain', description: 'Takes whatever else a deployment takes besides.' });

/** @see {@link TrainView} @public */
export const trainViewSchema: z.ZodType<TrainView> = z
  .object({
    trainId: z.string(),
    status: z.enum(deploymentStatuses),
    reason: z.string().exactOptional(),
    order: z.enum(['interfaces', 'given']),
    createdBy: z.string(),
    createdAt: timestampSchema,
    members: z.array(
      z.object({
        deploymentId: z.string(),
        moduleId: z.string(),
        after: z.array(z.object({ moduleId: z.string(), through: z.string() })),
        deployment: deploymentViewSchema.nullable(),
      }),
    ),
  })
  .meta({ id: 'Train' });

/** Body of execute. @public */
export const executeTrainSchema: z.ZodType<{ readonly override?: OverrideRequest }, unknown> = z
  .strictObject({ override: overrideSchema.exactOptional() })
  .meta({ id: 'ExecuteTrain' });

/** Body of abort and rollback. @public */
export const trainCommandSchema: z.ZodType<{ readonly reason?: string }, unknown> = z
  .strictObject({ reason: z.string().min(1).max(2_000).exactOptional() })
  .meta({ id: 'TrainCommand' });

/** @see {@link TrainList} @public */
export const trainListSchema: z.ZodType<TrainList> = z
  .object({ trains: z.array(trainViewSchema), nextCursor: z.string().nullable() })
  .meta({ id: 'TrainList' });
