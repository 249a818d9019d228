import { z } from 'zod';
import {
  isHotSwapError,
  offPeakWindowsSchema,
  parseStrategyConfig,
  positiveDurationSchema,
  refuseTwoHealthFunctions,
  settleHealthFunction,
  strategyHealthCheckShape,
  type StrategyHealthCheck,
} from '@hotswap/core';
import type { Duration, Json, OffPeakWindow, Strategy } from '@hotswap/core';

/** A strategy that runs inside a region. @public */
export interface InnerStrategy {
  /** Its name on the wire, e.g. `Canary`. */
  readonly strategy: string;
  /** Its own configuration. Default: none. */
  readonly config: Json;
}

/** Configuration of the Regional strategy with every default filled in. @public */
export interface RegionalConfig extends StrategyHealthCheck {
  /** Regions in their order; those without targets are skipped, and the rest follows in the default order. Default none. */
  readonly regionOrder: readonly string[];
  /** How long a region is watched before the next one begins; none after the last. Default PT10M. */
  readonly interRegionDelay: Duration;
  /** `true`: the first region that fails ends the rollout. `false`: it is put back, and the next one begins. Default `false`. */
  readonly abortOnRegionFailure: boolean;
  /** How every region is rolled out: `{strategy, config}`. Absent: all its nodes at once. */
  readonly inner?: InnerStrategy;
  /** How single regions are rolled out instead: `{strategy, config}` by region. Default none. */
  readonly regions: Readonly<Record<string, InnerStrategy>>;
  /** Hours in which a region may begin: `[{timeZone, days, from, to}]` by region, local times `HH:MM`. Default: at any time. */
  readonly offPeak: Readonly<Record<string, readonly OffPeakWindow[]>>;
}

/** What {@link regional} is made with. @public */
export interface RegionalOptions {
  /**
   * Strategies that may run inside a region. With them a configuration is refused at create where the inner strategy
   * would refuse it; without them only when the region begins.
   */
  readonly strategies?: () => readonly Strategy<unknown>[];
}

/** Name of the strategy on the wire. @internal */
export const regionalName = 'Regional';

const regionName = z.string().min(1).max(200);

const innerShape = z.strictObject({
  strategy: z
    .string()
    .min(1)
    .max(200)
    .refine((name) => name !== regionalName, { error: 'a region cannot be rolled out region by region' }),
  config: z.json().default({}),
});

/** Path of a JSON pointer. */
const pathOf = (pointer: string): readonly string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));

/** An inner strategy with its configuration read by its own schema, where that is known. */
function innerSchema(strategies: RegionalOptions['strategies']): z.ZodType<InnerStrategy, unknown> {
  if (!strategies) return innerShape;
  return innerShape.transform((inner, context): InnerStrategy => {
    const known = strategies();
    const newest = known
      .filter(({ name }) => name === inner.strategy)
      .sort((a, b) => b.version - a.version)
      .at(0);
    if (!newest) {
      const names = [...new Set(known.map(({ name }) => name))].filter((name) => name !== regionalName).sort();
      context.addIssue({ code: 'custom', path: ['strategy'], message: `must be one of ${names.join(', ')}` });
      return z.NEVER;
    }
    try {
      return { ...inner, config: parseStrategyConfig(newest, inner.config) };
    } catch (error) {
      if (!isHotSwapError(error, 'HS_STRATEGY_INVALID_CONFIG')) throw error;
      const errors = error.details['errors'] as readonly { readonly pointer: string; readonly detail: string }[];
      for (const { pointer, detail } of errors)
        context.addIssue({ code: 'custom', path: ['config', ...pathOf(pointer)], message: detail });
      return z.NEVER;
    }
  });
}

/** Makes the schema over the strategies that may run inside. @internal */
export function makeRegionalSchema(strategies?: RegionalOptions['strategies']): z.ZodType<RegionalConfig, unknown> {
  const inner = innerSchema(strategies);
  return z
    .strictObject({
      regionOrder: z.array(regionName).max(1_000).readonly().default([]),
      interRegionDelay: positiveDurationSchema.default('PT10M'),
      abortOnRegionFailure: z.boolean().default(false),
      inner: inner.optional(),
      regions: z.record(regionName, inner).readonly().default({}),
      offPeak: z.record(regionName, offPeakWindowsSchema).readonly().default({}),
      ...strategyHealthCheckShape,
    })
    .superRefine((config, context) => {
      const { regionOrder } = config;
      regionOrder.forEach((region, index) => {
        if (regionOrder.indexOf(region) < index)
          context.addIssue({ code: 'custom', path: ['regionOrder', index], message: `names ${region} twice` });
      });
      refuseTwoHealthFunctions(config, context);
    })
    .transform(({ inner: chosen, ...config }): RegionalConfig => ({
      ...settleHealthFunction(config),
      ...(chosen === undefined ? {} : { inner: chosen }),
    }))
    .prefault({});
}

/** Reads a `strategyConfig` of Regional; unknown keys are refused, inner configurations are taken as they are. @public */
export const regionalConfigSchema: z.ZodType<RegionalConfig, unknown> = makeRegionalSchema();

/** Regions with a strategy or hours of their own. Those of `regionOrder` may be missing (D-14). @internal */
export function regionsNamed(config: RegionalConfig): readonly { readonly region: string; readonly pointer: string }[] {
  return (['regions', 'offPeak'] as const).flatMap((key) =>
    Object.keys(config[key]).map((region) => ({
      region,
      pointer: `/${key}/${region.replaceAll('~', '~0').replaceAll('/', '~1')}`,
    })),
  );
}
