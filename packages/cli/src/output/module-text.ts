import type { ModuleView } from '@hotswap/protocol';
import { fields } from './table.ts';

/** A module with what it can be called by, for people. @internal */
export function moduleText(module: ModuleView): string {
  return fields([
    ['module', module.moduleId],
    ['digest', module.digest],
    ['size', `${String(module.sizeBytes)} bytes`],
    ['kind', `${module.kind}, WASI ${module.wasiVersion}`],
    ['http', httpText(module)],
    ['functions', module.functions.map((fn) => fn.name).join(', ') || '-'],
  ]);
}

function httpText({ http, servesHttp }: ModuleView): string {
  if (http === null) return servesHttp === null ? '-' : `not reached by HTTP; it could be, as a ${servesHttp}`;
  const where =
    http.hosts.length === 0 ? http.pathPrefix : http.hosts.map((host) => `${host}${http.pathPrefix}`).join(', ');
  return `${where}, ${http.access === 'public' ? 'public' : 'with keys through the server'}`;
}
