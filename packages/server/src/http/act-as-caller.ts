import type { FastifyInstance } from 'fastify';
import type { AuditLog } from '../ports/audit-log.ts';

/**
 * Everything that a handler changes goes on record in the name of whoever sent the request, whatever its body says.
 * @internal
 */
export function actAsCaller(app: FastifyInstance, audit: Pick<AuditLog, 'actAs'>): void {
  app.addHook('preHandler', (request, _reply, done) => {
    const { principal, id } = request;
    const acting = { actor: principal?.subject ?? 'anonymous', role: principal?.role ?? null, requestId: id };
    audit.actAs(acting, done);
  });
}
