import type { MetricsQuestion } from '@hotswap/core';
import { prometheusError } from './error-codes.ts';

/** Variables of queries, written as `{{name}}`, each for use inside a double-quoted string but for `window`. @public */
export const queryVariables = {
  module: 'name of the module',
  release: 'id of the release that is rolled out',
  deployment: 'id of the deployment',
  tenant: 'tenant of the deployment',
  nodes: 'ids of the nodes as an alternation, for =~',
  window: 'time since the traffic was shifted, as a duration: 95s',
} as const;

/** @see {@link queryVariables} @public */
export type QueryVariable = keyof typeof queryVariables;

/**
 * Fills the variables of a query in. Every value is written so that it stays inside its string: a name cannot change what
 * the query asks.
 * @throws HS_METRICS_UNKNOWN_VARIABLE
 * @internal
 */
export function fillQuery(query: string, question: MetricsQuestion, now: number): string {
  return query.replaceAll(/\{\{\s*([^{}]*?)\s*\}\}/g, (_, name: string) => {
    if (!Object.hasOwn(queryVariables, name))
      throw prometheusError('HS_METRICS_UNKNOWN_VARIABLE', {
        query,
        variable: name,
        known: Object.keys(queryVariables).join(', '),
      });
    return valueOf(name as QueryVariable, question, now);
  });
}

function valueOf(name: QueryVariable, question: MetricsQuestion, now: number): string {
  switch (name) {
    case 'module':
      return quoted(question.moduleName);
    case 'release':
      return quoted(question.variant);
    case 'deployment':
      return quoted(question.deploymentId);
    case 'tenant':
      return quoted(question.tenant);
    case 'nodes':
      return quoted((question.nodeIds ?? []).map(literal).join('|'));
    case 'window':
      return `${Math.max(1, Math.ceil((now - question.since) / 1_000))}s`;
  }
}

/** Text as it stands between double quotes in a query. */
const quoted = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('\r', '\\r');

/** A regular expression that matches the text and nothing else. */
const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, (character) => `\\${character}`);
