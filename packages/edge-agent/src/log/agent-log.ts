import type { EventSink, RuntimeHost } from '@hotswap/core';
import type { AgentConfig } from '../config/agent-config.ts';

/** The part of a logger that is used here. @internal */
export interface AgentLog {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

/** One line per event; every line has the word that operators look for. @internal */
export function eventLog(log: AgentLog): EventSink {
  return {
    emit: ({ topic, facts }) => {
      const isTrouble = /refused|ignored|lost|not-/.test(topic);
      log[isTrouble ? 'warn' : 'info']({ event: topic, facts }, `WASM ${topic}`);
    },
  };
}

/** A call has used up its time. @internal */
export function logTimeLimit(log: AgentLog, requestId: string, call: string): void {
  log.warn(
    { event: 'execution_timeout', requestId, call },
    'execution_timeout: a WASM call has reached its time limit',
  );
}

/** D-21: the operator's version is a wish, the real one is reported. @internal */
export function warnOfVersion(
  { runtimeVersion }: Pick<AgentConfig, 'runtimeVersion'>,
  runtime: Pick<RuntimeHost, 'version'>,
  log: AgentLog,
): void {
  if (runtimeVersion === undefined || runtimeVersion === runtime.version) return;
  log.warn(
    { configured: runtimeVersion, actual: runtime.version },
    'RuntimeVersion differs from the WASM runtime that runs: the real one is reported',
  );
}
