import { z } from 'zod';
import { builtInSource, type Judge, type MetricsSource, type NodeSelectorPlugin, type Strategy } from '@hotswap/core';
import { serverError } from '../error-codes.ts';

/**
 * What the module of a plugin exports, by these names; at least one of them. Other exports are its own affair.
 * @public
 */
export interface ServerPlugin {
  /** Strategies, in every version that rollouts may still run on. */
  readonly strategies?: readonly Strategy<unknown>[];
  /** Selectors that deployments may name. */
  readonly selectors?: readonly NodeSelectorPlugin<unknown>[];
  /** Methods of `judge` by name. */
  readonly judges?: Readonly<Record<string, Judge>>;
  /** Metrics sources by the name that triggers use; `hotswap` is the built-in one. */
  readonly metricsSources?: Readonly<Record<string, MetricsSource>>;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';
const isSchema = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && isFunction((value as { safeParse?: unknown }).safeParse);

const strategy = z.looseObject({
  name: z.string().regex(/^[A-Z][A-Za-z0-9]*$/, 'must be PascalCase'),
  version: z.int().min(1),
  configSchema: z.unknown().refine(isSchema, { error: 'must be a zod schema' }),
  rollout: z.unknown().refine(isFunction, { error: 'must be a generator function' }),
  healthCheck: z.unknown().refine(isFunction, { error: 'must be a function' }).optional(),
});

const selector = z.looseObject({
  name: z.string().regex(/^[A-Z][A-Za-z0-9]*$/, 'must be PascalCase'),
  optionsSchema: z.unknown().refine(isSchema, { error: 'must be a zod schema' }),
  create: z.unknown().refine(isFunction, { error: 'must be a function' }),
});

const plugin = z.looseObject({
  strategies: z.array(strategy).optional(),
  selectors: z.array(selector).optional(),
  judges: z
    .record(z.string().min(1).max(100), z.unknown().refine(isFunction, { error: 'must be a function' }))
    .optional(),
  metricsSources: z
    .record(
      z.string().min(1).max(100),
      z.looseObject({ read: z.unknown().refine(isFunction, { error: 'must be a function' }) }),
    )
    .refine((sources) => !Object.hasOwn(sources, builtInSource), { error: `${builtInSource} is the built-in source` })
    .optional(),
});

/** Names that a plugin may export. */
const parts = Object.keys(plugin.shape);

/**
 * Looks at what a module exports before the server believes it.
 * @throws HS_PLUGIN_INVALID
 * @internal
 */
export function readPlugin(name: string, exported: Readonly<Record<string, unknown>>): ServerPlugin {
  const given = Object.fromEntries(
    parts.filter((part) => exported[part] !== undefined).map((part) => [part, exported[part]]),
  );
  if (Object.keys(given).length === 0)
    throw serverError('HS_PLUGIN_INVALID', { plugin: name, why: `it exports none of ${parts.join(', ')}` });
  const read = plugin.safeParse(given);
  // What was exported, not what was read: a copy of a strategy would lose what its class keeps to itself.
  if (read.success) return given;
  const why = read.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; ');
  throw serverError('HS_PLUGIN_INVALID', { plugin: name, why });
}
