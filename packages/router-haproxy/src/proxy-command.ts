/** A command of the runtime API. @internal */
export interface ProxyCommand {
  readonly text: string;
  /** `tenant/name` of the module that it is told for; `null`: of none that is known. */
  readonly module: string | null;
}

/** Commands that bring HAProxy to what the routes say, in the order in which no request finds nobody. @internal */
export interface ProxyPlan {
  /** Addresses of servers that come, and their weights. */
  readonly prepare: readonly ProxyCommand[];
  /** All weights that change and all servers that begin, told in one line. */
  readonly weigh: readonly ProxyCommand[];
  /** Hosts and paths that come, change or go, with the shares of their versions. */
  readonly map: readonly ProxyCommand[];
  /** Servers that go: what they have begun they end. */
  readonly retire: readonly ProxyCommand[];
}

/** A plan that is being written. @internal */
export type ProxyCommands = { readonly [list in keyof ProxyPlan]: ProxyCommand[] };

/** One word of a command: `;` would end it, a space the word. Paths may have the former. @internal */
export function escaped(word: string): string {
  return word.replaceAll(/[\\; ]/g, String.raw`\$&`);
}
