import type { FastifyReply } from 'fastify';
import type { RateCounter, RateGrant } from '@hotswap/core';
import type { Tier } from '@hotswap/protocol';
import { addressGroup } from '../auth/address-group.ts';
import type { Principal } from '../auth/principal.ts';
import type { ServerConfig } from '../config/schema.ts';
import { serverError } from '../error-codes.ts';
import { quotaKey } from './day-quota-counter.ts';
import { LeasedRateCounter } from './leased-rate-counter.ts';
import { MemoryRateCounter } from './memory-rate-counter.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;

/** One limit that a request has to keep. */
interface Rule {
  /** As the `RateLimit` headers name it. */
  readonly name: string;
  readonly what: string;
  readonly limit: number;
  readonly windowMs: number;
  readonly per: string;
  readonly policy: string;
}

/** The rules of one caller for one kind of route, and what they are counted under. */
interface Held {
  readonly rules: readonly { readonly rule: Rule; readonly counter: RateCounter; readonly key: string }[];
  readonly policies: string;
}

/** @internal */
export interface RequestLimitsOptions {
  readonly config: ServerConfig;
  /** Counts by the minute. */
  readonly minutes: RateCounter;
  /** Counts by the day. */
  readonly days: RateCounter;
}

/** Kinds of routes that the installation itself limits; beside the limits of a tier the lower one holds. */
type RateClass = 'registration' | 'execution';

/**
 * Holds callers to their limits. Whoever has none costs nothing; whoever has some costs a look into a table, unless it is
 * time to fetch a further part of a limit that several servers share.
 * @internal
 */
export class RequestLimits {
  readonly #options: RequestLimitsOptions;
  readonly #classes: Readonly<Record<RateClass, Rule | undefined>>;
  readonly #tiers: Readonly<Record<Tier, { readonly minute: Rule; readonly day: Rule }>>;
  readonly #held = new WeakMap<Principal, Map<RateClass | undefined, Held | null>>();
  readonly #strangers = new MemoryRateCounter();
  readonly #strangerLimit: number | undefined;

  constructor(options: RequestLimitsOptions) {
    const { config } = options;
    this.#options = options;
    this.#strangerLimit = config.strangerRequestsPerMinute;
    this.#classes = {
      registration: minuteRule('registration', 'Modules registered', config.moduleRegistrationsPerMinute),
      execution: minuteRule('execution', 'Functions called', config.moduleExecutionsPerMinute),
    };
    const tier = (name: Tier, minute: number, day: number): { readonly minute: Rule; readonly day: Rule } => ({
      minute: rule('minute', `Requests of the tier ${name}`, minute, minuteMs),
      day: rule('day', `Requests of the tier ${name}`, day, dayMs),
    });
    this.#tiers = {
      free: tier('free', config.freeTierPerMinute, config.freeTierPerDay),
      basic: tier('basic', config.basicTierPerMinute, config.basicTierPerDay),
      pro: tier('pro', config.proTierPerMinute, config.proTierPerDay),
    };
  }

  /** Counts a request of somebody who is known; a refusal when it is one too many. */
  hold(
    principal: Principal,
    rateClass: RateClass | undefined,
    reply: FastifyReply,
  ): Error | undefined | Promise<Error | undefined> {
    const held = this.#heldBy(principal, rateClass);
    return held === null ? undefined : take(held, 0, [], reply);
  }

  /** A refusal for an address from which too much came that proved to be nobody's. */
  refuseStranger(address: string): Error | undefined {
    if (this.#strangerLimit === undefined) return undefined;
    const { remaining, retryAfterMs } = this.#askStranger(address, 0, this.#strangerLimit);
    if (remaining > 0) return undefined;
    return refusal(strangerRule(this.#strangerLimit), retryAfterMs);
  }

  /** Counts a request of nobody known. */
  noteStranger(address: string): void {
    if (this.#strangerLimit !== undefined) this.#askStranger(address, 1, this.#strangerLimit);
  }

  /** Gives back what was fetched and not used. */
  async close(): Promise<void> {
    const { minutes, days } = this.#options;
    for (const counter of [minutes, days]) if (counter instanceof LeasedRateCounter) await counter.close();
  }

  #askStranger(address: string, amount: number, limit: number): RateGrant {
    return this.#strangers.take({ key: addressGroup(address), amount, limit, windowMs: minuteMs });
  }

  #heldBy(principal: Principal, rateClass: RateClass | undefined): Held | null {
    let classes = this.#held.get(principal);
    if (classes === undefined) this.#held.set(principal, (classes = new Map<RateClass | undefined, Held | null>()));
    let held = classes.get(rateClass);
    if (held === undefined) classes.set(rateClass, (held = this.#find(principal, rateClass)));
    return held;
  }

  #find({ tenant, subject, role, tier }: Principal, rateClass: RateClass | undefined): Held | null {
    // Nodes report as often as they are told to, and whoever scrapes metrics does so around the clock.
    if (role === 'agent' || role === 'metrics') return null;
    const { minutes, days } = this.#options;
    const owner = quotaKey(tenant, subject);
    const classRule = rateClass === undefined ? undefined : this.#classes[rateClass];
    const rules: Held['rules'] = [
      ...(classRule === undefined ? [] : [{ rule: classRule, counter: minutes, key: `${classRule.name}\n${owner}` }]),
      ...(tier === undefined
        ? []
        : [
            { rule: this.#tiers[tier].minute, counter: minutes, key: `tier\n${owner}` },
            { rule: this.#tiers[tier].day, counter: days, key: owner },
          ]),
    ];
    return rules.length === 0 ? null : { rules, policies: rules.map(({ rule: { policy } }) => policy).join(', ') };
  }
}

/** Rule after rule, without waiting unless a counter has to. */
function take(
  held: Held,
  from: number,
  grants: RateGrant[],
  reply: FastifyReply,
): Error | undefined | Promise<Error | undefined> {
  for (let i = from; i < held.rules.length; i++) {
    const { rule: each, counter, key } = held.rules[i] as Held['rules'][number];
    const grant = counter.take({ key, amount: 1, limit: each.limit, windowMs: each.windowMs });
    if (grant instanceof Promise)
      return grant.then((late) => noted(held, i, late, grants, reply) ?? take(held, i + 1, grants, reply));
    const refused = noted(held, i, grant, grants, reply);
    if (refused !== undefined) return refused;
  }
  tell(held, grants, reply);
  return undefined;
}

function noted(held: Held, i: number, grant: RateGrant, grants: RateGrant[], reply: FastifyReply): Error | undefined {
  grants.push(grant);
  if (grant.granted > 0) return undefined;
  tell(held, grants, reply);
  return refusal((held.rules[i] as Held['rules'][number]).rule, grant.retryAfterMs);
}

/** Headers of draft-ietf-httpapi-ratelimit-headers: which limits there are, and what is left of each. */
function tell({ rules, policies }: Held, grants: readonly RateGrant[], reply: FastifyReply): void {
  let left = '';
  for (let i = 0; i < grants.length; i++) {
    const { remaining, resetMs } = grants[i] as RateGrant;
    left += `${i === 0 ? '' : ', '}"${(rules[i] as Held['rules'][number]).rule.name}";r=${remaining};t=${Math.ceil(resetMs / 1_000)}`;
  }
  void reply.header('ratelimit-policy', policies).header('ratelimit', left);
}

function refusal({ what, limit, per }: Rule, retryAfterMs: number): Error {
  const retryAfterSeconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  return serverError('HS_LIMIT_RATE', { what, limit, per, retryAfterSeconds });
}

function rule(name: string, what: string, limit: number, windowMs: number): Rule {
  const per = windowMs === dayMs ? 'a day' : 'a minute';
  return { name, what, limit, windowMs, per, policy: `"${name}";q=${limit};w=${windowMs / 1_000}` };
}

function minuteRule(name: string, what: string, limit: number | undefined): Rule | undefined {
  return limit === undefined ? undefined : rule(name, what, limit, minuteMs);
}

const strangerRule = (limit: number): Rule =>
  rule('stranger', 'Requests of this address without a valid credential', limit, minuteMs);
