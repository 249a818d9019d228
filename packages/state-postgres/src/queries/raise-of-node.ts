import { statement, type Session } from '../database/session.ts';

const raiseOfNode = statement(
  'node_raise_revisions',
  `
update routes set revision = revision + 1 where tenant = $1 and module_name in (
  select module_name from assignments where tenant = $1 and node_id = $2 and weight > 0)
returning module_name as "moduleName"`,
);

const sendRoutes = statement(
  'node_route_hints',
  `
select pg_notify('hotswap_changes', json_build_object('topic', 'route', 'tenant', $1::text, 'moduleName', name)::text) from unnest($2::text[]) as name`,
);

/** Tells routers that the routes of what a node serves are others. @internal */
export async function raiseOfNodeRoutes(session: Session, tenant: string, nodeId: string): Promise<void> {
  const raised = await session.query<{ moduleName: string }>(raiseOfNode, [tenant, nodeId]);
  if (raised.length > 0) await session.query(sendRoutes, [tenant, raised.map(({ moduleName }) => moduleName)]);
}
