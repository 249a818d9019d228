import type { BaselineGroup, EngineEffect, JournalEntry, PassedOver } from '../rollout/journal-entry.ts';
import type { Outcome } from '../contracts/strategy.ts';
import { durationMs } from '../model/duration.ts';
import { instantText } from '../model/instant-text.ts';
import { nodeCount } from '../model/node-set.ts';
import { intentText } from './effect-sentences.ts';
import { countText, factsText, nodesText } from './fact-words.ts';
import { outcomeText } from './result-sentences.ts';

type Entry<T extends JournalEntry['type']> = Extract<JournalEntry, { readonly type: T }>;
type Sentence<T extends JournalEntry['type']> = (entry: Entry<T>, told: Told) => string;

/** What earlier entries said that later ones rely on. */
interface Told {
  readonly effects: ReadonlyMap<number, EngineEffect>;
  readonly targets: readonly string[];
  /** Steps that have made headway since they began. */
  readonly moved: ReadonlySet<number>;
  /** How long what is replaced stays warm where a strategy does not say; `null` when that was not heard. */
  readonly retentionMs: number | null;
  /** No target served the module when the rollout began. */
  readonly replacesNothing: boolean;
}

/**
 * Tells a journal as sentences: what was decided, from which facts, by whom. It has to hear the entries in order, for an
 * effect's end does not repeat what it was about; an entry whose beginning it has not heard is told without that.
 * @public
 */
export class JournalExplainer {
  readonly #effects = new Map<number, EngineEffect>();
  readonly #moved = new Set<number>();
  #targets: readonly string[] = [];
  #retentionMs: number | null = null;
  #replacesNothing = false;

  /** The sentence of an entry; never empty, for types and kinds that this version does not know either. */
  explain(entry: JournalEntry): string {
    if (entry.type === 'executed') {
      this.#targets = entry.targets;
      this.#replacesNothing = servingGroups(entry.baseline).length === 0;
    }
    if (entry.type === 'began') this.#effects.set(entry.step, entry.effect);
    if (entry.type === 'moved') this.#moved.add(entry.step);
    if (entry.type === 'created') this.#retentionMs = durationMs(entry.spec.retention);
    const told = {
      effects: this.#effects,
      targets: this.#targets,
      moved: this.#moved,
      retentionMs: this.#retentionMs,
      replacesNothing: this.#replacesNothing,
    };
    if (!Object.hasOwn(sentences, entry.type)) return `${who(entry)} wrote an entry that this version does not know.`;
    return (sentences[entry.type] as Sentence<JournalEntry['type']>)(entry, told);
  }
}

/** Sentences of a whole journal, or of its beginning. @public */
export function explainJournal(entries: readonly JournalEntry[]): readonly string[] {
  const explainer = new JournalExplainer();
  return entries.map((entry) => explainer.explain(entry));
}

function approvalText({ requireApproval, approvals }: Entry<'created'>['spec']): string {
  if (requireApproval !== true) return '';
  if (approvals === undefined) return '; somebody else has to approve it';
  const { required, allowAuthor } = approvals;
  return `; ${String(required)} ${required === 1 ? 'approval is' : 'different approvals are'} needed${allowAuthor === true ? ", of which its author's may be one" : ''}`;
}

const overrideText = (override: Entry<'command'>['override']): string =>
  override === undefined
    ? ''
    : `, setting aside ${override.code === 'HS_DEPLOYMENT_FROZEN' ? 'a freeze' : 'the change windows'}: ${override.reason}`;

const because = (reason: string | undefined): string => (reason === undefined ? '' : `: ${reason}`);
const who = ({ actor }: JournalEntry): string => (/^engine\b/.test(actor) ? `The engine (${actor})` : actor);
const withFacts = (...facts: Parameters<typeof factsText>[0][]): string => {
  const texts = facts.map((some) => factsText(some)).filter((text) => text !== '');
  return texts.length === 0 ? '' : ` Facts: ${texts.join('; ')}.`;
};
const stop = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

const holds = {
  person: 'by a person',
  diverged: 'because the strategy decided otherwise than before',
  strategyThrew: 'because the strategy failed by a mistake of its own',
  stuck: 'because it made no progress',
  offline: 'because every node that it could go to is offline',
  noData: 'because a metric that it depends on was never measured',
} satisfies Record<Entry<'held'>['why'], string>;

const whyPassedOver = {
  offline: 'offline',
  flapping: 'starting again and again',
  full: 'without room for another module',
  notSelected: 'not selected',
} satisfies Record<keyof PassedOver, string>;

function passedOverText(passedOver: PassedOver | undefined): string {
  const parts = Object.entries(passedOver ?? {}).map(
    ([why, count]) => `${count} ${whyPassedOver[why as keyof PassedOver] ?? why}`,
  );
  return parts.length === 0 ? '' : ` Passed over: ${parts.join(', ')}.`;
}

/** One sentence for each type of entry; the compiler sees to it that none is missing. */
const sentences: { readonly [T in JournalEntry['type']]: Sentence<T> } = {
  created: ({ spec, actor }) =>
    `${actor} created the deployment of ${spec.moduleId} (${spec.releaseId}) with the strategy ${spec.strategy} in ${spec.regions?.join(', ') ?? 'all regions'}${approvalText(spec)}.`,
  approved: ({ by, releaseId, expiresAt, reason }) =>
    stop(
      `${by} approved this specification of ${releaseId} for one execution until ${instantText(expiresAt)}${because(reason)}`,
    ),
  rejected: ({ by, reason }) => stop(`${by} rejected it${because(reason)}`),
  lapsed: ({ by }) => `Nobody used the approval by ${by} in time: it has to be approved again.`,
  executed: (entry) =>
    `${who(entry)} began the rollout over ${countText(entry.targets.length)} in ${countText(Object.keys(entry.regions).length, 'region')}, ${baselineText(entry.baseline)}; strategies ${versionsText(entry.strategyVersions)} and epoch ${entry.epoch} are frozen with it.${passedOverText(entry.passedOver)}`,
  began: ({ step, effect }, { targets }) =>
    stop(
      `Step ${step} began${effect.kind === 'retain' ? ' by the engine itself' : ''}: ${intentText(effect, targets)}`,
    ),
  moved: ({ step, cursor }, { effects }) =>
    `Step ${step}${kindText(effects.get(step))} moved on: ${movedText(cursor, effects.get(step))}.`,
  ended: endedSentence,
  command: ({ actor, command, reason, toReleaseId, regions, override }) =>
    stop(
      `${actor} asked for ${command}${toReleaseId === undefined ? '' : ` to ${toReleaseId}`}${regions === undefined ? '' : ` of ${regions.join(', ')}`}${because(reason)}${overrideText(override)}`,
    ),
  held: (entry) =>
    stop(
      `${who(entry)} paused the rollout ${Object.hasOwn(holds, entry.why) ? holds[entry.why] : `(${String(entry.why)})`}: ${entry.detail}`,
    ),
  freed: (entry) => `${who(entry)} let the rollout go on.`,
  turned: turnedSentence,
  closed: (entry) =>
    stop(`${who(entry)} closed the deployment as ${entry.status}${because(entry.reason)}`) + withFacts(entry.facts),
};

function endedSentence(entry: Entry<'ended'>, { effects, targets, moved }: Told): string {
  const { step, result, facts, actor } = entry;
  const effect = effects.get(step);
  if (!result.ok) {
    const { cause, message, nodes } = result.failure;
    const where = nodes === undefined ? '' : ` on ${nodesText(nodes, targets)}`;
    return (
      stop(`Step ${step}${kindText(effect)} failed${where} (${cause}): ${message}`) +
      withFacts(result.failure.facts, cause === 'trigger' ? undefined : facts)
    );
  }
  if (effect === undefined) return `Step ${step} ended well.${withFacts(facts)}`;
  return (
    stop(
      `Step ${step}${kindText(effect)} ended: ${outcomeText(result.value, { effect, actor, targets, hasMoved: moved.has(step) })}`,
    ) + withFacts(facts)
  );
}

function turnedSentence(entry: Entry<'turned'>, told: Told): string {
  const { targets } = told;
  const { to, reason, nodes, then, facts, outcome } = entry;
  if (to === 'rollback') {
    const what = nodes === undefined ? 'the rollout back' : `${nodesText(nodes, targets)} back, leaving the others`;
    const aim = then === undefined || nodes !== undefined ? '' : `, to end as ${then}`;
    return stop(`${who(entry)} turned ${what}${aim}: ${reason}`) + withFacts(facts);
  }
  const failed =
    outcome?.failed && nodeCount(outcome.failed) > 0 ? `, without ${nodesText(outcome.failed, targets)}` : '';
  const verdict = outcome?.verdict === undefined ? '' : ` with the verdict ${outcome.verdict}`;
  return stop(
    `${who(entry)} found the rollout ${outcome?.status ?? 'Completed'}${verdict}${failed}; ${replacedText(outcome?.retain, told)}: ${reason}`,
  );
}

/** What becomes of the release from before. */
function replacedText(retain: Outcome['retain'], { retentionMs, replacesNothing }: Told): string {
  const kept = retain?.filter(({ retire }) => nodeCount(retire) > 0);
  if (kept?.length === 0 || replacesNothing) return 'it replaced nothing';
  const isKept = (kept ?? [{}]).some(({ forMs = retentionMs }: { forMs?: number | null }) => forMs !== 0);
  return isKept
    ? 'what it replaced stays warm for a rollback'
    : 'what it replaced goes as soon as its requests have ended';
}

function movedText(cursor: number, effect: EngineEffect | undefined): string {
  if (effect?.kind === 'mirror') return 'every router copies requests, and the time begins';
  if (effect?.kind === 'deploy') return `${countText(cursor)} have been told to load the release`;
  if (effect?.kind !== 'restore') return `its mark is ${cursor}`;
  return effect.input.releaseId === undefined
    ? 'the nodes are back, and their health is asked for'
    : `${effect.input.releaseId} is warm and has the traffic, and its health is asked for`;
}

const kindText = (effect: EngineEffect | undefined): string => (effect === undefined ? '' : ` (${effect.kind})`);
const versionsText = (versions: Readonly<Record<string, number>>): string =>
  Object.entries(versions)
    .map(([name, version]) => `${name}@${version}`)
    .join(', ');

const servingGroups = (baseline: readonly BaselineGroup[]): readonly BaselineGroup[] =>
  baseline.filter((group) => group.releases.length > 0);

function baselineText(baseline: readonly BaselineGroup[]): string {
  const serving = servingGroups(baseline);
  const size = serving.reduce((sum, group) => sum + nodeCount(group.nodes), 0);
  if (size === 0) return 'none of which served the module';
  const releases = [...new Set(serving.flatMap((group) => group.releases.map(({ releaseId }) => releaseId)))];
  return `${size} of which served ${releases.slice(0, 3).join(', ')}${releases.length > 3 ? ` and ${releases.length - 3} more` : ''}`;
}
