/** A node that flaps counts as one until as much time has passed again. */
const windowMs = 600_000;

/**
 * How often a node (`h`, its heartbeats) has started within ten minutes before its last start, or 0 when that is longer
 * ago. Boot ids begin with the start's Unix milliseconds in 13 digits, by the node's own clock: they are compared with
 * one another.
 * @internal
 */
export const recentStarts: string = `case
    when h.boot_id ~ '^\\d{13}' and left(h.boot_id, 13)::bigint > (extract(epoch from clock_timestamp()) * 1000)::bigint - ${windowMs}
    then (select count(*)::int from unnest(h.superseded_boot_ids) as boot
      where case when boot ~ '^\\d{13}' then left(boot, 13)::bigint > left(h.boot_id, 13)::bigint - ${windowMs} end)
    else 0 end`;
