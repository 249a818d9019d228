import type { CandidateNode, NodeSelectorPlugin } from '@hotswap/core';
import { z } from 'zod';
import { selectorPlugin } from './selector-plugin.ts';

/** Options of `Spread`. @public */
export interface SpreadOptions {
  /** What nodes are spread over: `region`, `zone`, or a label as `label:NAME`. Default `zone`. */
  readonly by: string;
  /** Most nodes of one group. Absent: all. */
  readonly maximumPerGroup?: number | undefined;
}

/**
 * Takes turns between groups, so that each stage of a rollout touches as many of them as it can: the first nodes of all
 * groups, then the second ones. Nodes without a zone or label are a group of their own. @public
 */
export const spread: NodeSelectorPlugin<SpreadOptions> = selectorPlugin(
  'Spread',
  z.strictObject({
    by: z
      .string()
      .max(210)
      .regex(/^(?:region|zone|label:.+)$/, 'must be region, zone or label:NAME')
      .default('zone'),
    maximumPerGroup: z.int().min(1).max(1_000_000).optional(),
  }),
  (nodes, { by, maximumPerGroup = Infinity }) => {
    const groups = [...Map.groupBy(nodes, (node) => groupOf(node, by)).values()].map((group) =>
      group.slice(0, maximumPerGroup),
    );
    const longest = Math.max(0, ...groups.map((group) => group.length));
    return Array.from({ length: longest }, (_, turn) => groups.flatMap((group) => group.slice(turn, turn + 1))).flat();
  },
);

function groupOf(node: CandidateNode, by: string): string {
  if (by === 'region') return node.region;
  // Zones of two regions may have one name.
  if (by === 'zone') return `${node.region}/${node.zone ?? ''}`;
  return node.labels[by.slice('label:'.length)] ?? '';
}

/** Options of `CanaryFirst`. @public */
export interface CanaryFirstOptions {
  /** Label that says how much is at stake on a node. Default `risk`. */
  readonly label: string;
  /** Its values, the least risky first. Default `canary`, `low`, `medium`, `high`. */
  readonly order: readonly string[];
  /** Where nodes with another value or none stand. Default `last`. */
  readonly others: 'first' | 'last';
}

/**
 * Nodes on which little is at stake first, so that the early stages of a canary meet them. Within one risk the least
 * loaded come first. @public
 */
export const canaryFirst: NodeSelectorPlugin<CanaryFirstOptions> = selectorPlugin(
  'CanaryFirst',
  z.strictObject({
    label: z.string().min(1).max(200).default('risk'),
    order: z
      .array(z.string().min(1).max(200))
      .min(1)
      .max(100)
      .refine((order) => new Set(order).size === order.length, { error: 'names a value twice' })
      .readonly()
      .default(['canary', 'low', 'medium', 'high']),
    others: z.enum(['first', 'last']).default('last'),
  }),
  (nodes, { label, order, others }) => {
    const rank = (node: CandidateNode): number => {
      const at = order.indexOf(node.labels[label] ?? '');
      return at >= 0 ? at : others === 'first' ? -1 : order.length;
    };
    return nodes.toSorted((a, b) => rank(a) - rank(b) || (a.cpuUsagePercent ?? 0) - (b.cpuUsagePercent ?? 0));
  },
);

/** Options of `Limit`. @public */
export interface LimitOptions {
  /** Most nodes that are taken, from the front. */
  readonly nodes: number;
}

/** The first nodes of what was chosen before. @public */
export const limit: NodeSelectorPlugin<LimitOptions> = selectorPlugin(
  'Limit',
  z.strictObject({ nodes: z.int().min(1).max(1_000_000) }),
  (nodes, options) => nodes.slice(0, options.nodes),
);
