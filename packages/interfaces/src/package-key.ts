/** `ns:name@version`; `ns:name` without a version. @internal */
export function packageKey(name: string | null, version: string | null): string {
  return `${name ?? ''}${version === null ? '' : `@${version}`}`;
}
