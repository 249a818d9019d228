import { hotSwapError } from '../errors/hotswap-error.ts';
import type { HotSwapError } from '../errors/hotswap-error.ts';
import type { Instant } from '../model/deployment.ts';
import { instantOf, instantText } from '../model/instant-text.ts';
import { isOffPeak, nextOffPeak, type OffPeakWindow } from '../model/off-peak-window.ts';
import { forEnvironment, type DeploymentEnvironment, type Policy, type PolicyFreeze } from './policy.ts';

/** When deployments of one environment may begin. @public */
export interface ChangeRules {
  readonly environment: DeploymentEnvironment;
  /** `null`: at any time. */
  readonly windows: readonly OffPeakWindow[] | null;
  readonly freezes: readonly PolicyFreeze[];
}

/** Why no deployment may begin at a moment, and when the next one may. @public */
export interface ChangeRefusal {
  readonly code: 'HS_DEPLOYMENT_FROZEN' | 'HS_DEPLOYMENT_OUTSIDE_WINDOW';
  readonly environment: DeploymentEnvironment;
  /** First moment that is in a window and in no freeze. */
  readonly allowedAt: Instant;
  /** Of the freeze. */
  readonly reason?: string;
}

/** What a policy says of an environment; `null`: deployments may begin at any time. @public */
export function changeRulesOf(policy: Policy, environment: DeploymentEnvironment): ChangeRules | null {
  const windows = forEnvironment(policy.changeWindows, environment) ?? null;
  const freezes = policy.freezes.filter(
    ({ environments }) => environments === undefined || environments.includes(environment),
  );
  return windows === null && freezes.length === 0 ? null : { environment, windows, freezes };
}

/** `null`: a deployment may begin at that moment. @public */
export function changeRefusal({ environment, windows, freezes }: ChangeRules, at: Instant): ChangeRefusal | null {
  const freeze = freezeAt(freezes, at);
  const isOpen = windows === null || isOffPeak(windows, at);
  if (freeze === undefined && isOpen) return null;
  const allowedAt = nextAllowed(windows, freezes, at);
  return freeze === undefined
    ? { code: 'HS_DEPLOYMENT_OUTSIDE_WINDOW', environment, allowedAt }
    : { code: 'HS_DEPLOYMENT_FROZEN', environment, allowedAt, reason: freeze.reason };
}

/** The refusal as an error; `what` is the id of the deployment or train. @public */
export function changeRefusedError(
  { code, environment, allowedAt, reason }: ChangeRefusal,
  what: string,
): HotSwapError {
  const details = { what, environment, allowedAt: instantText(allowedAt) };
  return hotSwapError(code, reason === undefined ? details : { ...details, reason });
}

/** The freeze that holds at a moment; of several the one that ends last. */
function freezeAt(freezes: readonly PolicyFreeze[], at: Instant): PolicyFreeze | undefined {
  return freezes
    .filter(({ from, until }) => instantOf(from) <= at && at < instantOf(until))
    .sort((a, b) => instantOf(b.until) - instantOf(a.until))[0];
}

/** Windows come each week and freezes end, so there is always one; each turn but the last leaves a freeze behind. */
function nextAllowed(
  windows: readonly OffPeakWindow[] | null,
  freezes: readonly PolicyFreeze[],
  from: Instant,
): Instant {
  for (let at = from; ;) {
    const open = windows === null ? at : nextOffPeak(windows, at);
    const freeze = freezeAt(freezes, open);
    if (freeze === undefined) return open;
    at = instantOf(freeze.until);
  }
}
