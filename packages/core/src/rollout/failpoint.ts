/**
 * A named moment at which a test may kill the process. Production composition passes none and the default does nothing.
 * @internal
 */
export type Failpoint = (name: string) => void;

/** Does nothing. @internal */
export const noFailpoint: Failpoint = () => {};
