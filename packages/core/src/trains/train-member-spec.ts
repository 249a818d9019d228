import type { DeploymentSpec } from '../model/deployment.ts';
import { durationMs, toDuration } from '../model/duration.ts';

/**
 * What a member replaced has to be warm for as long as the train may need to go back, not only as long as the member itself
 * would: a train is over within a day, for members that wait longer expire.
 */
const longestTrainMs = 24 * 3_600_000;

/** A deployment as a member of a train. @internal */
export const trainMemberSpec = (trainId: string, spec: DeploymentSpec): DeploymentSpec => ({
  ...spec,
  trainId,
  retention: toDuration(durationMs(spec.retention) + longestTrainMs),
});
