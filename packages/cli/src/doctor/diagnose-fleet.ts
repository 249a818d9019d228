import type { DeploymentView, HealthView, NodeConditionType, NodeView } from '@hotswap/protocol';

/** How bad a finding is: `fail` needs somebody now, `warn` when there is time. @internal */
export type FindingLevel = 'ok' | 'warn' | 'fail';

/** What one look at a part of the installation has found. @internal */
export interface Finding {
  readonly check: 'server' | 'versions' | 'nodes' | 'stability' | 'sync' | 'modules' | 'deployments' | 'waiting';
  readonly level: FindingLevel;
  readonly summary: string;
  /** What to do about it; absent when there is nothing. */
  readonly next?: string;
}

/** Everything that is looked at, read at one time. @internal */
export interface FleetSigns {
  readonly health: HealthView;
  readonly nodes: readonly NodeView[];
  /** Deployments that make no progress. */
  readonly stuck: readonly DeploymentView[];
  /** Deployments that wait for a person. */
  readonly waiting: readonly DeploymentView[];
  readonly ownVersion: string;
}

const shownIds = 5;

/** Says what is wrong and what to do next; pure. @internal */
export function diagnoseFleet(signs: FleetSigns): readonly Finding[] {
  return [
    server(signs),
    versions(signs),
    offline(signs),
    flapping(signs),
    outstanding(signs),
    failedLoads(signs),
    stuck(signs),
    waiting(signs),
  ];
}

function server({ health }: FleetSigns): Finding {
  const down = Object.entries(health.dependencies ?? {}).flatMap(([name, status]) =>
    status === 'Healthy' ? [] : [name],
  );
  if (health.status === 'Healthy')
    return { check: 'server', level: 'ok', summary: `healthy, up ${health.uptime ?? 'for an unknown time'}` };
  return {
    check: 'server',
    level: 'fail',
    summary: `${health.status}${down.length > 0 ? `: ${down.join(', ')}` : ''}`,
    next: 'look at the log of the server and at what it depends on; nodes go on serving meanwhile',
  };
}

function versions({ health, nodes, ownVersion }: FleetSigns): Finding {
  const found = [
    ...(health.version === undefined || health.version === ownVersion
      ? []
      : [`the server is ${health.version}, this program ${ownVersion}`]),
    ...[...Map.groupBy(nodes, ({ runtime }) => runtime.toLowerCase())].flatMap(([runtime, ofRuntime]) => {
      const kinds = [...Map.groupBy(ofRuntime, ({ runtimeVersion }) => runtimeVersion)];
      return kinds.length < 2
        ? []
        : [`${runtime} ${kinds.map(([version, { length }]) => `${version} on ${length}`).join(', ')}`];
    }),
  ];
  if (found.length === 0) return { check: 'versions', level: 'ok', summary: 'the same everywhere' };
  return {
    check: 'versions',
    level: 'warn',
    summary: found.join('; '),
    next: 'finish the update: server first, then nodes, then this program',
  };
}

function offline({ nodes }: FleetSigns): Finding {
  const enabled = nodes.filter(({ isEnabled }) => isEnabled);
  const silent = enabled.filter(({ status }) => status === 'Unhealthy');
  const disabled = nodes.length - enabled.length;
  const others = disabled > 0 ? `, ${disabled} disabled` : '';
  if (nodes.length === 0)
    return { check: 'nodes', level: 'warn', summary: 'none', next: 'hotswap join makes a token with which one joins' };
  if (silent.length === 0)
    return { check: 'nodes', level: 'ok', summary: `${enabled.length} of ${enabled.length} heard of${others}` };
  return {
    check: 'nodes',
    level: 'fail',
    summary: `${silent.length} of ${enabled.length} offline${others}: ${named(silent)}`,
    next: 'look whether the agent runs and reaches the server; hotswap disable NODE keeps rollouts off it',
  };
}

function flapping({ nodes }: FleetSigns): Finding {
  const found = nodesWithout(nodes, 'Stable');
  if (found.length === 0) return { check: 'stability', level: 'ok', summary: 'no node starts again and again' };
  return {
    check: 'stability',
    level: 'fail',
    summary: `${found.length} start again and again: ${named(found)}`,
    next: 'the log of its agent tells why; rollouts pass it over until it stays up for ten minutes',
  };
}

function outstanding({ nodes }: FleetSigns): Finding {
  const found = nodesWithout(nodes, 'Synced').filter(({ isEnabled, status }) => isEnabled && status !== 'Unhealthy');
  if (found.length === 0) return { check: 'sync', level: 'ok', summary: 'every node has what it should have' };
  return {
    check: 'sync',
    level: 'warn',
    summary: `${found.length} still to apply what they were told: ${named(found)}`,
    next: 'normal during a rollout; else look at the log of its agent',
  };
}

function failedLoads({ nodes }: FleetSigns): Finding {
  const found = nodesWithout(nodes, 'ModulesLoaded').filter(({ isEnabled }) => isEnabled);
  if (found.length === 0) return { check: 'modules', level: 'ok', summary: 'all loaded' };
  return {
    check: 'modules',
    level: 'fail',
    summary: `${found.length} nodes could not load a release: ${named(found)}`,
    next: 'hotswap status DEPLOYMENT names the error of each node; then roll back, or fix the node',
  };
}

function stuck({ stuck: found }: FleetSigns): Finding {
  const [first] = found;
  if (first === undefined) return { check: 'deployments', level: 'ok', summary: 'none is stuck' };
  return {
    check: 'deployments',
    level: 'fail',
    summary: `${found.length} stuck: ${found.map(describe).slice(0, shownIds).join('; ')}`,
    next: `hotswap why ${first.deploymentId}; then hotswap resume or hotswap rollback ${first.deploymentId}`,
  };
}

function waiting({ waiting: found, stuck: known }: FleetSigns): Finding {
  const others = found.filter(({ deploymentId }) => !known.some((one) => one.deploymentId === deploymentId));
  const [first] = others;
  if (first === undefined) return { check: 'waiting', level: 'ok', summary: 'no deployment waits for a person' };
  return {
    check: 'waiting',
    level: 'warn',
    summary: `${others.length} wait for a person: ${others.map(describe).slice(0, shownIds).join('; ')}`,
    next: `hotswap why ${first.deploymentId}`,
  };
}

function nodesWithout(nodes: readonly NodeView[], type: NodeConditionType): readonly NodeView[] {
  return nodes.filter(({ conditions }) =>
    conditions.some((condition) => condition.type === type && condition.status === 'False'),
  );
}

const describe = ({ deploymentId, moduleId, status, reason }: DeploymentView): string =>
  `${deploymentId} (${moduleId}, ${status}${reason === undefined ? '' : `: ${reason}`})`;

function named(nodes: readonly NodeView[]): string {
  const shown = nodes.slice(0, shownIds).map(({ nodeId }) => nodeId);
  const rest = nodes.length - shown.length;
  return shown.join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}
