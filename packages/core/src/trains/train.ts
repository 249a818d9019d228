import type { DeploymentStatus } from '../model/deployment.ts';

/** Where a train is to go. `assemble`: its deployments are being created. @internal */
export type TrainIntent = 'assemble' | 'wait' | 'forward' | 'back';

/** One module version of a train. @internal */
export interface TrainMember {
  readonly deploymentId: string;
  readonly moduleId: string;
  readonly moduleName: string;
  /** Members that go first, each with what it gives this one. */
  readonly after: readonly { readonly moduleId: string; readonly through: string }[];
}

/** Several deployments that go one after the other, and back together. @internal */
export interface Train {
  readonly tenant: string;
  readonly trainId: string;
  readonly author: string;
  readonly intent: TrainIntent;
  readonly status: DeploymentStatus;
  /** In the order in which they go. */
  readonly members: readonly TrainMember[];
  readonly order: 'interfaces' | 'given';
  /** In whose name its deployments are told what to do. */
  readonly actor: string;
  /** Why it goes back, or went wrong; `null` while it goes well. */
  readonly reason: string | null;
  /** How it ends once everything is back. */
  readonly backEnd: 'RolledBack' | 'Cancelled';
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** What a change of a train can set. @internal */
export type TrainChange = Partial<Pick<Train, 'intent' | 'status' | 'actor' | 'reason' | 'backEnd'>>;
