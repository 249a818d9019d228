export { startProgram } from './child-program.ts';
export type { ChildProgram } from './child-program.ts';
export { localClusterErrorCodes } from './error-codes.ts';
export { startLocalCluster } from './local-cluster.ts';
export type { LocalCluster, LocalClusterOptions } from './local-cluster.ts';
export { sixNodesInThreeRegions } from './local-nodes.ts';
export type { LocalNode } from './local-nodes.ts';
