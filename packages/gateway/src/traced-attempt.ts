import type { RouteTarget, TraceSpan } from '@hotswap/core';

/**
 * Sends to one node, as a span of its own where the request is traced: a request that looks for a node has several.
 * `failureOf`: why the attempt was none, when it did not throw.
 * @internal
 */
export async function tracedAttempt<Result>(
  parent: TraceSpan | undefined,
  { nodeId, releaseId }: RouteTarget,
  send: (traceparent: string | undefined) => Promise<Result>,
  failureOf: (result: Result) => string | undefined,
): Promise<Result> {
  if (parent === undefined) return send(undefined);
  const attributes = { 'hotswap.node.id': nodeId, 'hotswap.release.id': releaseId };
  const span = parent.child('gateway attempt', { kind: 'client', attributes });
  try {
    const result = await send(span.traceparent);
    span.end(failureOf(result));
    return result;
  } catch (error) {
    span.end((error as Error).message);
    throw error;
  }
}

/** The node is a part of this attempt, not of what the client sent. Pairs in a row, changed in place. @internal */
export function setTraceparent(headers: string[], traceparent: string | undefined): void {
  if (traceparent === undefined) return;
  const at = headers.findIndex((name, index) => index % 2 === 0 && name === 'traceparent');
  if (at >= 0) headers[at + 1] = traceparent;
  else headers.push('traceparent', traceparent);
}
