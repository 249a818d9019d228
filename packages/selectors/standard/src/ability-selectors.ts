import type { Json, NodeSelectorPlugin } from '@hotswap/core';
import { z } from 'zod';
import { selectorPlugin } from './selector-plugin.ts';

/** Options of `Runtime`. @public */
export interface RuntimeOptions {
  /** Names of runtime hosts, e.g. `Wasmtime`. Absent: any. */
  readonly in?: readonly string[] | undefined;
  /** Capabilities that have to be declared: `true` ones by name (`http`), entries of lists by `wasi=preview2`. */
  readonly requires?: readonly string[] | undefined;
}

/** Nodes whose runtime is one of these, and can do what is asked. @public */
export const runtime: NodeSelectorPlugin<RuntimeOptions> = selectorPlugin(
  'Runtime',
  z
    .strictObject({
      in: z.array(z.string().min(1).max(100)).min(1).readonly().optional(),
      requires: z
        .array(
          z
            .string()
            .regex(/^[A-Za-z]\w*(?:=[\w.-]+)?$/, 'must be a capability, or a list and its entry: wasi=preview2'),
        )
        .min(1)
        .readonly()
        .optional(),
    })
    .refine((options) => options.in !== undefined || options.requires !== undefined, {
      error: 'takes `in`, `requires` or both',
    }),
  (nodes, options) =>
    nodes.filter(
      (node) =>
        options.in?.some((name) => name.toLowerCase() === node.runtime.toLowerCase()) !== false &&
        options.requires?.every((capability) => isDeclared(node.capabilities, capability)) !== false,
    ),
);

function isDeclared(capabilities: Readonly<Record<string, Json>>, asked: string): boolean {
  const [name = '', entry] = asked.split('=');
  const value = Object.hasOwn(capabilities, name) ? capabilities[name] : undefined;
  if (entry === undefined) return value === true || (Array.isArray(value) && value.length > 0);
  return Array.isArray(value) && value.includes(entry);
}

/** Options of `Capacity`; all bounds that are given have to hold. @public */
export interface CapacityOptions {
  /** Modules that a node must still have room for. Default 1. */
  readonly minimumFreeModules: number;
  /** Nodes that have used more of their CPU are passed over. Absent: any. */
  readonly maximumCpuPercent?: number | undefined;
  /** Nodes that have used more of their memory are passed over. Absent: any. */
  readonly maximumMemoryPercent?: number | undefined;
  /** `true` (default): nodes that have the module already may stay, however full they are. */
  readonly keepPresent: boolean;
}

const percent = z.number().gt(0).max(100).optional();

/**
 * Nodes with room, those with the most of it first. A CPU above 80 % is what the fleet calls overloaded (NOD-9):
 * `{"maximumCpuPercent": 80}` leaves these out. What a node has not reported counts as free.
 * @public
 */
export const capacity: NodeSelectorPlugin<CapacityOptions> = selectorPlugin(
  'Capacity',
  z.strictObject({
    minimumFreeModules: z.int().min(0).max(1_000_000).default(1),
    maximumCpuPercent: percent,
    maximumMemoryPercent: percent,
    keepPresent: z.boolean().default(true),
  }),
  (nodes, { minimumFreeModules, maximumCpuPercent = 100, maximumMemoryPercent = 100, keepPresent }) => {
    const free = (node: (typeof nodes)[number]): number => node.maxModules - node.modulesLoaded;
    return nodes
      .filter(
        (node) =>
          (keepPresent && node.hasModule) ||
          (free(node) >= minimumFreeModules &&
            (node.cpuUsagePercent ?? 0) <= maximumCpuPercent &&
            (node.memoryUsagePercent ?? 0) <= maximumMemoryPercent),
      )
      .toSorted((a, b) => free(b) - free(a));
  },
);
