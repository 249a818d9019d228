/**
 * Statuses in which a deployment holds its module: no second one may be opened in the same regions. Written into
 * statements and not bound as values, because only then the planner sees that a partial index applies.
 * @internal
 */
export const holdingStatuses = `('Pending', 'PendingApproval', 'InProgress', 'Paused', 'RollingBack')`;

/** Statuses in which it is changing nodes. @internal */
export const movingStatuses = `('InProgress', 'Paused', 'RollingBack')`;
