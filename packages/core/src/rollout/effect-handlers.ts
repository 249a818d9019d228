import type { EffectKind } from '../effects/effect.ts';
import type { EffectHandler } from './effect-handler.ts';
import { deployHandler } from './handlers/deploy.ts';
import {
  failHandler,
  notifyHandler,
  pauseHandler,
  progressHandler,
  retireHandler,
} from './handlers/instant-effects.ts';
import { judgeHandler } from './handlers/judge.ts';
import { mirrorHandler } from './handlers/mirror.ts';
import { observeHandler } from './handlers/observe.ts';
import { restoreHandler } from './handlers/restore.ts';
import { shiftTrafficHandler } from './handlers/shift-traffic.ts';
import { verifyHandler } from './handlers/verify.ts';
import { waitHandler } from './handlers/wait.ts';

/**
 * What each kind of effect does. A new kind needs a row here, a schema and version in `effect-schema.ts`, a creator in
 * `create-effects.ts` and a row in `docs/reference/effects.md`; the parity test names what is missing.
 * @internal
 */
export const effectHandlers: { readonly [K in EffectKind]: EffectHandler<K> } = {
  deploy: deployHandler,
  verify: verifyHandler,
  wait: waitHandler,
  shiftTraffic: shiftTrafficHandler,
  mirror: mirrorHandler,
  observe: observeHandler,
  judge: judgeHandler,
  progress: progressHandler,
  pause: pauseHandler,
  fail: failHandler,
  retire: retireHandler,
  restore: restoreHandler,
  notify: notifyHandler,
};

/** The handler of an effect's kind, typed loosely: the table has tied kinds and inputs together already. @internal */
export function handlerOf(kind: EffectKind): EffectHandler<EffectKind> {
  return effectHandlers[kind];
}
