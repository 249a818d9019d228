export { chooseTarget, isVersion, planRoute } from './choose-target.ts';
export type { RoutePlan, TargetAsk, WeightedTargets } from './choose-target.ts';
export { gatewayErrorCodes } from './error-codes.ts';
export type { GatewayErrorCode } from './error-codes.ts';
export { Gateway } from './gateway.ts';
export type { GatewayCall, GatewayOptions, GatewayReply } from './gateway.ts';
export type { HttpForward, HttpForwardStats } from './http-forwarder.ts';
export type { SignInvokeToken } from './invoke-token-signer.ts';
export type { RevisionBoard, Route, RouteHint, RouteSource, RouteTarget } from './route-source.ts';
