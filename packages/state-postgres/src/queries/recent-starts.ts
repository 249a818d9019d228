/** A node that flaps counts as one until as much time has passed again. */
const window = `interval '10 minutes'`;

/**
 * How often a node (`h`, its heartbeats) has started within ten minutes before its last start, or 0 when that is longer
 * ago. A start is when the first report of a boot came in: the node's own clock, which may be wrong, has no say.
 * @internal
 */
export const recentStarts: string = `case
    when h.boots_at[1] > clock_timestamp() - ${window}
    then (select count(*)::int - 1 from unnest(h.boots_at) as seen where seen > h.boots_at[1] - ${window})
    else 0 end`;
