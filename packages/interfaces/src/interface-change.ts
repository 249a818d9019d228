/**
 * What a change means for whoever stands on the other side: `breaking` needs them to change too, `additive` gives them
 * more, `info` is worth knowing.
 * @public
 */
export type ChangeSeverity = 'breaking' | 'additive' | 'info';

/** @public */
export type ChangeKind =
  | 'interface-added'
  | 'interface-removed'
  | 'function-added'
  | 'function-removed'
  | 'type-added'
  | 'type-removed'
  | 'type-changed'
  | 'param-added'
  | 'param-removed'
  | 'param-renamed'
  | 'param-reordered'
  | 'param-type-changed'
  | 'result-changed'
  | 'async-changed'
  | 'field-added'
  | 'field-removed'
  | 'field-reordered'
  | 'field-type-changed'
  | 'case-added'
  | 'case-removed'
  | 'case-reordered'
  | 'case-type-changed'
  | 'flag-added'
  | 'flag-removed'
  | 'flag-reordered'
  | 'ownership-changed'
  | 'package-major-changed'
  | 'deprecated'
  | 'import-added'
  | 'import-removed'
  | 'world-added'
  | 'world-removed'
  | 'kind-changed'
  | 'extern-added'
  | 'extern-removed'
  | 'extern-changed';

/**
 * One difference between two versions of an interface.
 * @public
 */
export interface InterfaceChange {
  readonly severity: ChangeSeverity;
  readonly kind: ChangeKind;
  /** Side of the module on which it lies. */
  readonly direction: 'export' | 'import';
  /** The exact place: `acme:img/resize@1.2.0#scale.param[1:w].record(size).field[h]`. */
  readonly path: string;
  /** What stood there in the words of WIT; `null`: nothing. */
  readonly before: string | null;
  readonly after: string | null;
}

/** Whether any of them breaks the other side. @public */
export function hasBreaking(changes: readonly InterfaceChange[]): boolean {
  return changes.some(({ severity }) => severity === 'breaking');
}

/** The interface of a path, without the version: `acme:img/resize`; empty for functions without one. @public */
export function interfaceOfPath(path: string): string {
  const whole = path.split('#', 1)[0] as string;
  return whole.split('@', 1)[0] as string;
}

/** The function of a path, `null` when it names none: `scale`, `[method]image.width`. @public */
export function functionOfPath(path: string): string | null {
  const at = path.indexOf('#');
  if (at < 0) return null;
  const rest = path.slice(at + 1);
  if (rest.startsWith('type(')) return null;
  const found = rest.startsWith('[') ? /^\[\w+\][^.]+(?:\.[^.]+)?/.exec(rest) : /^[^.]+/.exec(rest);
  const [name] = found ?? [];
  if (name === undefined) return null;
  // A constructor has no name of its own: what follows the dot is inside of it.
  return name.startsWith('[constructor]') ? (name.split('.', 1)[0] as string) : name;
}
