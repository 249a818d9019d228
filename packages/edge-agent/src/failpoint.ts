/** Moments at which a test may kill the agent. @internal */
export const agentFailpoints = [
  'agent.swap.before-slots',
  'agent.swap.after-slots',
  'agent.applied.before-write',
  'agent.applied.after-write',
] as const;

/** @internal */
export type AgentFailpointName = (typeof agentFailpoints)[number];

/** Called at each of these moments; production does nothing there. @internal */
export type AgentFailpoint = (name: AgentFailpointName) => void;

/** Does nothing. @internal */
export const noAgentFailpoint: AgentFailpoint = () => undefined;

/**
 * Kills the process, as `kill -9` would, when it comes to the n-th passage of one moment.
 * @param setting `name`, or `name@n` for the n-th passage (from 1)
 * @internal
 */
export function killingFailpoint(setting: string): AgentFailpoint {
  const [wanted, nth = '1'] = setting.split('@');
  let left = Number(nth);
  return (name) => {
    if (name === wanted && --left === 0) process.kill(process.pid, 'SIGKILL');
  };
}
