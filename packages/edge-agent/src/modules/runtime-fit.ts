import type { DesiredRelease, RuntimeCapabilities } from '@hotswap/core';
import { agentError } from '../error-codes.ts';

/** What a release can need of a runtime, and how one sees that it does. */
const needs: readonly {
  readonly capability: keyof RuntimeCapabilities;
  readonly what: string;
  readonly isNeeded: (release: DesiredRelease) => boolean;
}[] = [
  { capability: 'http', what: 'HTTP', isNeeded: ({ http }) => http !== null },
  {
    capability: 'outgoingHttp',
    what: 'outgoing HTTP',
    isNeeded: (release) => release.capabilities.allowedHosts.length > 0,
  },
  { capability: 'fuel', what: 'metering by fuel', isNeeded: ({ runtime }) => runtime.fuel !== null },
  { capability: 'instanceReuse', what: 'reuse of instances', isNeeded: ({ runtime }) => runtime.reuse !== null },
  {
    capability: 'moduleState',
    what: 'state that moves to the next version',
    isNeeded: ({ runtime }) => runtime.stateful,
  },
];

/**
 * Refuses a release that the node's runtime could load but not serve as asked: better told before traffic moves than by
 * the first request. What the binary itself needs, the runtime says when it loads it.
 * @throws HS_AGENT_RUNTIME_CANNOT
 * @internal
 */
export function checkRuntimeFit(release: DesiredRelease, runtime: string, capabilities: RuntimeCapabilities): void {
  const missing = needs.find(({ capability, isNeeded }) => isNeeded(release) && capabilities[capability] !== true);
  if (missing === undefined) return;
  throw agentError('HS_AGENT_RUNTIME_CANNOT', { runtime, what: missing.what, capability: missing.capability });
}
