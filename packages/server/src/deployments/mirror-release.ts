import { hotSwapError, noCapabilities, type Release } from '@hotswap/core';
import type { ProxyRouter } from '../ports/proxy-router.ts';

/** What a mirror is refused for. @internal */
export interface MirrorSetting {
  readonly content: Omit<Release, 'releaseId'>;
  readonly releaseId: string;
  readonly proxies: readonly Pick<ProxyRouter, 'name' | 'canMirror'>[];
}

/**
 * The release that answers copies of requests: the same code and configuration without any capability, under an id of
 * its own, so that neither its calls nor its health are ever taken for those of the release that it stands for.
 * @throws HS_DEPLOYMENT_CANNOT_MIRROR
 * @internal
 */
export function shadowRelease({ content, releaseId, proxies }: MirrorSetting): Omit<Release, 'releaseId'> {
  const { moduleName } = content;
  const refuse = (why: string): Error =>
    hotSwapError('HS_DEPLOYMENT_CANNOT_MIRROR', {
      moduleName,
      why,
      errors: [{ pointer: '/traffic/mirror', detail: why }],
    });
  const proxy = proxies.find(({ canMirror }) => !canMirror);
  if (proxy) throw refuse(`requests also come through ${proxy.name}, which does not copy them`);
  if (content.runtime.stateful)
    throw refuse('it keeps its state in memory, and a copy of a request would be answered from another one');
  return { ...content, capabilities: noCapabilities, shadowOf: releaseId };
}
