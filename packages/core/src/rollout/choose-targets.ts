import type { CandidateNode } from '../contracts/fleet-reader.ts';
import type { NodeSelector, NodeSelectorPlugin } from '../contracts/node-selector.ts';
import { hotSwapError } from '../errors/hotswap-error.ts';
import { issuePointers } from '../errors/issue-pointers.ts';
import type { Json } from '../model/json.ts';
import type { NamedSelector } from '../model/named-selector.ts';
import type { PassedOver } from './journal-entry.ts';

/** Who can take part, and why the others cannot. @public */
export interface ChosenTargets {
  readonly chosen: readonly CandidateNode[];
  /** Nodes that could take part before any selector was asked. */
  readonly able: number;
  readonly passedOver: PassedOver;
  /** Name of the selector that left nobody; absent when somebody is left or nobody could take part. */
  readonly emptiedBy?: string;
}

/** Selectors by name. @throws HS_PLUGIN_DUPLICATE @public */
export function selectorShelf(
  plugins: readonly NodeSelectorPlugin<unknown>[],
): ReadonlyMap<string, NodeSelectorPlugin<unknown>> {
  const shelf = new Map<string, NodeSelectorPlugin<unknown>>();
  for (const plugin of plugins) {
    if (shelf.has(plugin.name)) throw hotSwapError('HS_PLUGIN_DUPLICATE', { kind: 'selector', name: plugin.name });
    shelf.set(plugin.name, plugin);
  }
  return shelf;
}

/**
 * Reads what a deployment asks of selectors, with defaults filled in.
 * @throws HS_SELECT_UNKNOWN, HS_SELECT_INVALID_OPTIONS with pointers below `/nodeSelector`
 * @public
 */
export function parseNodeSelectors(
  plugins: readonly NodeSelectorPlugin<unknown>[],
  asked: readonly { readonly name: string; readonly options?: Json | undefined }[],
): readonly NamedSelector[] {
  const shelf = selectorShelf(plugins);
  return asked.map(({ name, options = {} }, at) => {
    const plugin = shelf.get(name);
    if (!plugin) {
      const known = [...shelf.keys()].sort().join(', ');
      const errors = [{ pointer: `/nodeSelector/${at}/name`, detail: `must be one of ${known}` }];
      throw hotSwapError('HS_SELECT_UNKNOWN', { selector: name, known, errors });
    }
    const parsed = plugin.optionsSchema.safeParse(options);
    if (parsed.success) return { name, options: parsed.data as Json };
    const found = issuePointers(parsed.error);
    throw hotSwapError('HS_SELECT_INVALID_OPTIONS', {
      selector: name,
      why: found.map(({ pointer, detail }) => `${pointer === '' ? 'the whole' : pointer} ${detail}`).join('; '),
      errors: found.map(({ pointer, detail }) => ({ pointer: `/nodeSelector/${at}/options${pointer}`, detail })),
    });
  });
}

/**
 * Leaves out who cannot take part (offline, starting again and again, no room for another module), then asks the
 * selectors in turn. Nodes that serve the module now and flap stay as they are: they are brought up to date when they are
 * steady again.
 * @throws HS_SELECT_UNKNOWN when a selector that the deployment names is not among `selectors`
 * @public
 */
export function chooseTargets(
  candidates: readonly CandidateNode[],
  named: readonly NamedSelector[],
  parts: {
    readonly selector: NodeSelector;
    readonly selectors: ReadonlyMap<string, NodeSelectorPlugin<unknown>>;
  },
): ChosenTargets {
  const selectors = [parts.selector, ...named.map((each) => makeSelector(each, parts.selectors))];
  const counts = { offline: 0, flapping: 0, full: 0, notSelected: 0 };
  let left = candidates.filter((node) => {
    const why = reasonAgainst(node);
    if (why !== null) counts[why]++;
    return why === null;
  });
  const able = left.length;
  let emptiedBy: string | undefined;
  for (const selector of selectors) {
    const byId = new Map(left.map((node) => [node.nodeId, node]));
    const ids = new Set(selector.select(left));
    left = [...ids].map((nodeId) => byId.get(nodeId)).filter((node) => node !== undefined);
    if (left.length === 0 && able > 0) emptiedBy ??= selector.name;
  }
  counts.notSelected = able - left.length;
  return {
    chosen: left,
    able,
    passedOver: Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    ...(emptiedBy === undefined ? {} : { emptiedBy }),
  };
}

/** `null`: it can take part. */
function reasonAgainst(node: CandidateNode): 'offline' | 'flapping' | 'full' | null {
  if (!node.reachable) return 'offline';
  if (node.flapping) return 'flapping';
  return !node.hasModule && node.modulesLoaded >= node.maxModules ? 'full' : null;
}

function makeSelector(
  { name, options }: NamedSelector,
  shelf: ReadonlyMap<string, NodeSelectorPlugin<unknown>>,
): NodeSelector {
  const plugin = shelf.get(name);
  if (!plugin) throw hotSwapError('HS_SELECT_UNKNOWN', { selector: name, known: [...shelf.keys()].sort().join(', ') });
  return plugin.create(options);
}
