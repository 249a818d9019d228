import type { HttpServing, ModuleDescription } from './module.ts';

/**
 * By what a described binary can answer HTTP requests: its exports tell. A component exports
 * `wasi:http/incoming-handler` or, by WASI 0.3, `wasi:http/handler`; a core module exports `hotswap_http_handle` or is a command of WASI preview 1.
 * @returns `null` when it cannot
 * @public
 */
export function httpServingOf(
  description: Pick<ModuleDescription, 'kind' | 'wasiLevel' | 'exports' | 'isCommand'>,
): HttpServing | null {
  const exportsNamed = (test: (name: string) => boolean): boolean => description.exports.some(({ name }) => test(name));
  if (description.kind === 'component') {
    return exportsNamed((name) => /^wasi:http\/(?:incoming-handler(?:@|$)|handler@0\.3)/.test(name))
      ? 'component'
      : null;
  }
  if (exportsNamed((name) => name === 'hotswap_http_handle')) return 'handler';
  return description.isCommand && description.wasiLevel === 'preview1' ? 'command' : null;
}
