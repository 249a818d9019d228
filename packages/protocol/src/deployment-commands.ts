import { z } from 'zod';
import { digestSchema } from '@hotswap/core';
import { regionSchema } from './wire-text.ts';

/** A rule of the policy that an execution sets aside in an emergency. @public */
export interface OverrideRequest {
  /** Goes into the audit chain, and into the journal of a deployment; a train has none of its own. */
  readonly reason: string;
}

/** Body of execute. @public */
export interface ExecuteRequest {
  /** Must be the caller when given. */
  readonly approvedBy?: string;
  /** Begins outside of change windows, or in a freeze. It replaces no approval. Default: they hold. */
  readonly override?: OverrideRequest;
}

/** Body of approve and reject. What is given of `releaseId` and `specHash` has to be what would be rolled out. @public */
export interface ApprovalRequest {
  /** Must be the caller when given. */
  readonly approvedBy?: string;
  readonly reason?: string;
  readonly releaseId?: string;
  /** Of the journal's first entry. */
  readonly specHash?: string;
}

/** Body of rollback. @public */
export interface RollbackRequest extends CommandRequest {
  /** Release of the module, one that has served, that takes over as soon as it is warm. Default: what served before. */
  readonly toReleaseId?: string;
  /** Regions that go back, once the deployment is completed. Default: all. */
  readonly regions?: readonly string[];
}

/** Body of pause, resume, promote, retry and abort. @public */
export interface CommandRequest {
  readonly reason?: string;
  /** Refuses the command (412) when the rollout is at another step: a late second click. */
  readonly ifStep?: number;
}

const reason = z.string().min(1).max(2_000).exactOptional();

/** @see {@link OverrideRequest} @internal */
export const overrideSchema: z.ZodType<OverrideRequest, unknown> = z.strictObject({
  reason: z.string().trim().min(1).max(2_000),
});

/** @see {@link ExecuteRequest} @public */
export const executeSchema: z.ZodType<ExecuteRequest, unknown> = z
  .strictObject({
    approvedBy: z.string().min(1).max(200).exactOptional(),
    override: overrideSchema.exactOptional(),
  })
  .meta({ id: 'Execute' });

/** @see {@link ApprovalRequest} @public */
export const approvalSchema: z.ZodType<ApprovalRequest, unknown> = z
  .strictObject({
    approvedBy: z.string().min(1).max(200).exactOptional(),
    reason,
    releaseId: z.string().min(1).max(200).exactOptional(),
    specHash: digestSchema.exactOptional(),
  })
  .meta({ id: 'Approval' });

/** @see {@link CommandRequest} @public */
export const commandSchema: z.ZodType<CommandRequest, unknown> = z
  .strictObject({ reason, ifStep: z.int().min(0).exactOptional() })
  .meta({ id: 'Command' });

/** @see {@link RollbackRequest} @public */
export const rollbackSchema: z.ZodType<RollbackRequest, unknown> = z
  .strictObject({
    reason,
    ifStep: z.int().min(0).exactOptional(),
    toReleaseId: z.string().min(1).max(200).exactOptional(),
    regions: z.array(regionSchema).min(1).max(100).exactOptional(),
  })
  .meta({ id: 'Rollback' });
