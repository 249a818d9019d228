export type { CapabilityGrants } from './modules/capability-grants.ts';
export { noGrants } from './modules/capability-grants.ts';
export { composeAgent } from './compose.ts';
export type { AgentParts } from './compose.ts';
export type { AgentConfig } from './config/agent-config.ts';
export { agentErrorCodes } from './error-codes.ts';
export type { AgentErrorCode } from './error-codes.ts';
export type { RunningAgent as EdgeAgent } from './running-agent.ts';
