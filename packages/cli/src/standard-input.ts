/**
 * Makes reads of standard input wait for data again. Node turns the stream of a pipe into one that does not wait as soon
 * as anything asks for `process.stdin`; a guest that inherits the stream would take "nothing yet" for a failure.
 * @internal
 */
export function readBlocking(stdin: NodeJS.ReadStream): void {
  const { _handle: handle } = stdin as { readonly _handle?: { setBlocking?(isBlocking: boolean): unknown } };
  handle?.setBlocking?.(true);
}
