import type { NodeSelectorPlugin } from '@hotswap/core';
import { z } from 'zod';
import { selectorPlugin } from './selector-plugin.ts';

const names = z
  .array(z.string().min(1).max(200))
  .min(1)
  .max(1_000)
  .refine((given) => new Set(given).size === given.length, { error: 'names one twice' })
  .readonly();

/** Options of `Regions`. @public */
export interface RegionsOptions {
  /** Regions to take, in the order in which they come. */
  readonly in: readonly string[];
}

/** Nodes of the regions that are named, region by region in that order. @public */
export const regions: NodeSelectorPlugin<RegionsOptions> = selectorPlugin(
  'Regions',
  z.strictObject({ in: names }),
  (nodes, options) => options.in.flatMap((region) => nodes.filter((node) => node.region === region)),
);

/** Options of `Zones`: one of the two lists. @public */
export interface ZonesOptions {
  /** Zones to take, in the order in which they come. */
  readonly in?: readonly string[] | undefined;
  /** Zones to leave out. */
  readonly notIn?: readonly string[] | undefined;
}

/** Nodes of the zones that are named, or of all but those. Nodes without a zone belong to none. @public */
export const zones: NodeSelectorPlugin<ZonesOptions> = selectorPlugin(
  'Zones',
  z
    .strictObject({ in: names.optional(), notIn: names.optional() })
    .refine((options) => (options.in === undefined) !== (options.notIn === undefined), {
      error: 'takes `in` or `notIn`: give one of them',
    }),
  (nodes, options) =>
    options.in?.flatMap((zone) => nodes.filter((node) => node.zone === zone)) ??
    nodes.filter((node) => node.zone === null || options.notIn?.includes(node.zone) !== true),
);

/** Options of `Labels`. @public */
export interface LabelsOptions {
  /** Every label has to have this value, or one of these. */
  readonly match: Readonly<Record<string, string | readonly string[]>>;
}

/** Nodes with all of these labels. @public */
export const labels: NodeSelectorPlugin<LabelsOptions> = selectorPlugin(
  'Labels',
  z.strictObject({
    match: z
      .record(
        z.string().min(1).max(200),
        z.union([z.string().max(500), z.array(z.string().max(500)).min(1).readonly()]),
      )
      .refine((match) => Object.keys(match).length > 0, { error: 'names no label' }),
  }),
  (nodes, { match }) =>
    nodes.filter((node) =>
      Object.entries(match).every(([name, wanted]) => {
        const value = Object.hasOwn(node.labels, name) ? node.labels[name] : undefined;
        return value !== undefined && (typeof wanted === 'string' ? value === wanted : wanted.includes(value));
      }),
    ),
);
