import { allReachableNodes } from '../contracts/node-selector.ts';
import type {
  Advance,
  Deployment,
  RolloutEngine,
  RolloutEngineFactory,
  RolloutEngineOptions,
} from '../contracts/rollout-engine.ts';
import { hotSwapError } from '../errors/hotswap-error.ts';
import { isHotSwapError } from '../errors/is-hotswap-error.ts';
import type { DeploymentId, DeploymentSpec, Instant } from '../model/deployment.ts';
import { sha256Hex } from '../model/digest.ts';
import { canonicalJson } from '../model/json.ts';
import { advanceRollout } from './advance-rollout.ts';
import { carryOutCommand } from './carry-out-command.ts';
import type { CommandRequest } from './command-request.ts';
import { chainEntries } from './chain-entries.ts';
import { selectorShelf } from './choose-targets.ts';
import { acceptedAnswers, allowedCommands } from './command-table.ts';
import { Draft } from './draft.ts';
import type { EngineParts } from './engine-parts.ts';
import { noFailpoint, type Failpoint } from './failpoint.ts';
import { judgeSequential } from './judge-sequential.ts';
import { judgeWelch } from './judge-welch.ts';
import { pendingUntil } from './approvals.ts';
import { LiveRollout } from './live-rollout.ts';
import { StrategyShelf } from './replay.ts';
import { assertSourcesKnown } from './triggers.ts';
import { summarise } from './rollout-summary.ts';
import { stuckAt } from './stuck-deadline.ts';

/** Moments at which an engine can be made to die. @internal */
export const engineFailpoints = ['engine.append.before', 'engine.append.after'] as const;

const defaultTriggerIntervalMs = 5_000;
const defaultApprovalExpiryMs = 3_600_000;
const defaultPendingExpiryMs = 24 * 3_600_000;
/** When another process looks again, should this one die between a commit and its next look. */
const lookAgainMs = 2_000;
/** Deployments whose folded state and generator are kept; the rest is read and replayed when it is needed. */
const mostKept = 1_000;
/** Conflicts in a row after which a command gives up: each one means that somebody else has got further. */
const mostConflicts = 100;

/**
 * Makes an engine. It holds nothing that is not in the journal: it can be dropped at any time.
 * @throws HS_PLUGIN_DUPLICATE when two strategies have one name and version.
 * @public
 */
export const createRolloutEngine: RolloutEngineFactory = (options): RolloutEngine => new JournalRolloutEngine(options);

class JournalRolloutEngine implements RolloutEngine {
  readonly #journal: RolloutEngineOptions['journal'];
  readonly #parts: EngineParts;
  readonly #failpoint: Failpoint;
  readonly #kept = new Map<string, LiveRollout>();
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(options: RolloutEngineOptions) {
    const { fleet, metrics, clock, router, engineId } = options;
    this.#journal = options.journal;
    this.#failpoint = options.failpoint ?? noFailpoint;
    this.#parts = {
      fleet,
      metrics,
      clock,
      router,
      engineId,
      shelf: new StrategyShelf(options.strategies),
      selector: options.selector ?? allReachableNodes,
      selectors: selectorShelf(options.selectors ?? []),
      judges: { sequential: judgeSequential, welch: judgeWelch, ...options.judges },
      metricsSources: options.metricsSources ?? {},
      triggerIntervalMs: options.triggerIntervalMs ?? defaultTriggerIntervalMs,
      pendingExpiryMs: options.pendingExpiryMs ?? defaultPendingExpiryMs,
      approvalExpiryMs: options.approvalExpiryMs ?? defaultApprovalExpiryMs,
      changeRules: options.changeRules ?? (() => Promise.resolve(null)),
    };
  }

  async create(spec: DeploymentSpec, actor: string): Promise<Deployment> {
    const { shelf, clock, router, pendingExpiryMs } = this.#parts;
    if (!shelf.names.includes(spec.strategy))
      throw hotSwapError('HS_STRATEGY_UNKNOWN', { strategy: spec.strategy, known: shelf.names.join(', ') });
    assertSourcesKnown(spec, Object.keys(this.#parts.metricsSources));
    if (spec.traffic?.mirror !== undefined && router.canMirror !== true)
      throw hotSwapError('HS_DEPLOYMENT_CANNOT_MIRROR', {
        moduleName: spec.moduleName,
        why: `the router ${router.name} does not copy requests`,
      });
    const frozen = JSON.parse(JSON.stringify(spec)) as DeploymentSpec;
    return this.#serially(spec.tenant, spec.deploymentId, async () => {
      const draft = new Draft(new LiveRollout(spec.tenant, spec.deploymentId), clock.now(), actor);
      draft.put({ type: 'created', spec: frozen, specHash: await sha256Hex(canonicalJson(frozen)) });
      draft.changes.push({ kind: 'open', spec: frozen });
      await this.#append(draft, draft.now + pendingExpiryMs);
      return describe(draft.live);
    });
  }

  async command(
    ...[tenant, deploymentId, command, actor, options = {}]: Parameters<RolloutEngine['command']>
  ): Promise<Deployment> {
    const request: CommandRequest = { command, actor, options };
    return this.#decide(tenant, deploymentId, actor, async (draft) => {
      await carryOutCommand(draft, this.#parts, this.#journal, request);
      if (draft.entries.length > 0) await this.#append(draft, pendingUntil(draft.state, this.#parts) ?? draft.now);
      return describe(draft.live);
    });
  }

  async advance(tenant: string, deploymentId: DeploymentId): Promise<Advance> {
    for (;;) {
      const decision = await this.#decide(tenant, deploymentId, this.#parts.engineId, async (draft) => {
        const reached = await advanceRollout(draft, this.#parts);
        const wakeAt =
          reached.kind === 'again' ? draft.now + lookAgainMs : reached.kind === 'idle' ? undefined : reached.wakeAt;
        if (draft.entries.length > 0) await this.#append(draft, wakeAt);
        if (reached.kind === 'idle') this.#kept.delete(keyOf(tenant, deploymentId));
        return reached;
      });
      if (decision.kind !== 'again') return decision;
    }
  }

  async state(tenant: string, deploymentId: DeploymentId): Promise<Deployment> {
    return this.#serially(tenant, deploymentId, async () => {
      const live = await this.#catchUp(tenant, deploymentId);
      if (live.state.phase === 'absent') throw hotSwapError('HS_DEPLOYMENT_NOT_FOUND', { deploymentId });
      return describe(live);
    });
  }

  /** Decides on what the journal holds, anew whenever somebody else has written in between. */
  async #decide<T>(
    tenant: string,
    deploymentId: DeploymentId,
    actor: string,
    decide: (draft: Draft) => Promise<T>,
  ): Promise<T> {
    return this.#serially(tenant, deploymentId, async () => {
      for (let conflicts = 0; ; conflicts++) {
        const live = await this.#catchUp(tenant, deploymentId);
        try {
          return await decide(new Draft(live, this.#parts.clock.now(), actor));
        } catch (thrown) {
          // Whatever was folded ahead of the commit must not outlive it.
          this.#kept.delete(keyOf(tenant, deploymentId));
          if (!isHotSwapError(thrown, 'HS_JOURNAL_CONFLICT') || conflicts >= mostConflicts) throw thrown;
        }
      }
    });
  }

  async #append(draft: Draft, wakeAt: Instant | undefined): Promise<void> {
    const { live } = draft;
    const entries = await chainEntries(live.head, draft.entries);
    const batches = [
      {
        tenant: live.tenant,
        deploymentId: live.deploymentId,
        expectedHead: live.head,
        entries,
        changes: draft.changes,
        summary: summarise(draft.state, stuckAt(draft.state)),
        ...(wakeAt === undefined ? {} : { wakeAt }),
      },
      ...draft.companions,
    ];
    this.#failpoint('engine.append.before', batches);
    await this.#journal.append(batches);
    this.#failpoint('engine.append.after', batches);
    live.head = entries.at(-1)?.hash ?? live.head;
  }

  async #catchUp(tenant: string, deploymentId: DeploymentId): Promise<LiveRollout> {
    const key = keyOf(tenant, deploymentId);
    const kept = this.#kept.get(key);
    if (kept) {
      const news = await this.#journal.read(tenant, deploymentId, kept.state.seq - 1);
      this.#kept.delete(key);
      if (kept.isContinuedBy(news)) return this.#keep(key, kept, news);
    }
    const live = new LiveRollout(tenant, deploymentId);
    return this.#keep(key, live, await this.#journal.read(tenant, deploymentId));
  }

  /** Keeps what is folded only once it has been folded whole; the oldest of too many goes. */
  #keep(key: string, live: LiveRollout, news: Parameters<LiveRollout['add']>[0]): LiveRollout {
    live.add(news);
    if (live.state.phase === 'absent') return live;
    this.#kept.set(key, live);
    const oldest = this.#kept.size > mostKept ? this.#kept.keys().next().value : undefined;
    if (oldest !== undefined) this.#kept.delete(oldest);
    return live;
  }

  /** One at a time per deployment inside this process; between processes the head hash decides. */
  async #serially<T>(tenant: string, deploymentId: DeploymentId, work: () => Promise<T>): Promise<T> {
    const key = keyOf(tenant, deploymentId);
    const before = this.#queues.get(key) ?? Promise.resolve();
    const turn = before.then(work, work);
    const settled = turn.catch(() => undefined);
    this.#queues.set(key, settled);
    try {
      return await turn;
    } finally {
      if (this.#queues.get(key) === settled) this.#queues.delete(key);
    }
  }
}

const keyOf = (tenant: string, deploymentId: DeploymentId): string => `${tenant}/${deploymentId}`;

function describe(live: LiveRollout): Deployment {
  const { state } = live;
  if (!state.spec) throw hotSwapError('HS_DEPLOYMENT_NOT_FOUND', { deploymentId: live.deploymentId });
  return {
    spec: state.spec,
    specHash: state.specHash ?? '',
    summary: summarise(state, stuckAt(state)),
    head: live.head,
    entryCount: state.seq,
    targets: state.frozen?.targets ?? [],
    regions: state.frozen?.regions ?? {},
    baseline: state.frozen?.baseline ?? [],
    ...(state.held ? { held: state.held } : {}),
    accepts: acceptedAnswers(state),
    allowed: allowedCommands(state),
  };
}
