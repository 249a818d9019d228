/**
 * How a worker tells its supervisor why it ended. After any other code, and after a signal, a new worker is started.
 * @internal
 */
export const exitCodes = {
  /** Asked to stop. */
  stopped: 0,
  /** Anything unforeseen: another worker may have more luck. */
  accident: 1,
  /** The configuration is wrong (EX_CONFIG): starting again would not help. */
  configuration: 78,
  /** The server does not let this node in, or another agent runs under its name (EX_NOPERM). */
  notAdmitted: 77,
} as const;

/** Whether a worker ended by intent, so that the supervisor ends as well. @internal */
export function isIntended(code: number | null): code is number {
  return code === exitCodes.stopped || code === exitCodes.configuration || code === exitCodes.notAdmitted;
}
