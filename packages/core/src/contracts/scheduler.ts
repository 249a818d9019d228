import type { DeploymentId, Instant } from '../model/deployment.ts';

/**
 * Durable wake-ups. A wake is a hint: it may come twice or late, never not at all, and advancing a deployment that has
 * nothing to do is harmless. Of several wakes asked for one deployment it is enough to keep the earliest: whoever is
 * woken asks for the next one. Keeping them all makes every report of a node start a chain of wakes of its own.
 * @public
 */
export interface Scheduler extends AsyncDisposable {
  /** Starts handing due wakes to the handler. A handler that fails is called again. */
  start(
    onWake: (wake: { readonly tenant: string; readonly deploymentId: DeploymentId }) => Promise<void>,
  ): Promise<void>;
  /** Asks for a wake outside a journal commit; a time in the past means at once. */
  wake(tenant: string, deploymentId: DeploymentId, at: Instant): Promise<void>;
}
