import type { FastifyReply, FastifyRequest } from 'fastify';
import { serverError } from '../error-codes.ts';

const plainName = 'hotswap-session';
/** Browsers take it over HTTPS only, and from no other host or path. */
const secureName = `__Host-${plainName}`;
const ours = new RegExp(`^(?:__Host-)?${plainName}=`);

/** The session's token that a browser sends by itself. @internal */
export function cookieToken(request: FastifyRequest): string | undefined {
  const header = request.headers.cookie;
  if (header === undefined || header.length > 8_192) return undefined;
  const name = isSecure(request) ? secureName : plainName;
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}

/** Gives a browser its session, out of reach of scripts and of other sites. @internal */
export function setSessionCookie(request: FastifyRequest, reply: FastifyReply, token: string, expiresAt: number): void {
  const maxAge = Math.max(0, Math.floor((expiresAt - Date.now()) / 1_000));
  void reply.header('set-cookie', cookie(request, token, maxAge));
}

/** @internal */
export function clearSessionCookie(request: FastifyRequest, reply: FastifyReply): void {
  void reply.header('set-cookie', cookie(request, '', 0));
}

function cookie(request: FastifyRequest, value: string, maxAgeSeconds: number): string {
  const secure = isSecure(request);
  const name = secure ? secureName : plainName;
  return `${name}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;
}

/**
 * Refuses what another site made a browser send. Browsers say where a request comes from; one that says nothing of it has
 * no business with a cookie.
 * @throws HS_AUTH_CROSS_SITE
 * @internal
 */
export function requireSameOrigin(request: FastifyRequest, isSilenceFine: boolean): void {
  const { origin, host, 'sec-fetch-site': site } = request.headers;
  const isSame =
    site === undefined
      ? origin === undefined
        ? isSilenceFine
        : hostOf(origin) === host
      : site === 'same-origin' || (isSilenceFine && site === 'none');
  if (!isSame) throw serverError('HS_AUTH_CROSS_SITE');
}

/** What is left of the cookies for a module, which has to learn nothing of sessions here. @internal */
export function hideSessionCookies(rawHeaders: string[]): void {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() !== 'cookie') continue;
    const kept = (rawHeaders[i + 1] ?? '').split(';').filter((pair) => !ours.test(pair.trim()));
    if (kept.length === 0) {
      rawHeaders.splice(i, 2);
      i -= 2;
    } else rawHeaders[i + 1] = kept.join(';').trim();
  }
}

function hostOf(origin: string): string | null {
  try {
    return new URL(origin).host;
  } catch {
    return null;
  }
}

const isSecure = (request: FastifyRequest): boolean => request.protocol === 'https';
