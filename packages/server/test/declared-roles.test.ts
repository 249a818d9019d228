import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { CachedAuthenticator } from '../src/auth/authenticator.ts';
import { authorizeRoutes } from '../src/auth/authorize.ts';

describe('authorizeRoutes', () => {
  it('refuses to register a route that does not say who may use it', () => {
    const app = Fastify();
    authorizeRoutes(app, new CachedAuthenticator({ authenticate: () => Promise.resolve(null) }));
    expect(() => app.get('/forgotten', () => 'x')).toThrow(/GET \/forgotten declares no role/);
    expect(() => app.get('/open', { config: { role: 'open' } }, () => 'x')).not.toThrow();
  });

  it('does not let anybody in when the database cannot say who they are', async () => {
    const app = Fastify();
    authorizeRoutes(app, new CachedAuthenticator({ authenticate: () => Promise.reject(new TypeError('away')) }));
    app.get('/read', { config: { role: ['viewer'] } }, () => 'x');
    expect((await app.inject({ url: '/read', headers: { authorization: 'Bearer x' } })).statusCode).toBe(500);
  });
});
