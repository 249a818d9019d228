export {
  desiredKeepAliveMs,
  desiredQuerySchema,
  desiredStateSchema,
  heartbeatAnswerSchema,
  heartbeatSchema,
  invokeAnswerSchema,
  invokeHeaders,
  invokeRequestSchema,
  nodeRegisteredSchema,
  nodeRegistrationSchema,
  nodeSessionSchema,
  observedStateSchema,
  releaseCallDeltaSchema,
} from './agent-messages.ts';
export type {
  DesiredQuery,
  Heartbeat,
  HeartbeatAnswer,
  InvokeAnswer,
  InvokeRequest,
  NodeRegistered,
  NodeRegistration,
  NodeSession,
} from './agent-messages.ts';
export {
  accessListQuerySchema,
  apiKeyListSchema,
  apiKeyViewSchema,
  changePasswordSchema,
  createApiKeySchema,
  createdApiKeySchema,
  createUserSchema,
  loginAnswerSchema,
  loginSchema,
  logoutSchema,
  tiers,
  updateUserSchema,
  userListSchema,
  userViewSchema,
  whoAmISchema,
} from './auth-api.ts';
export type {
  AccessListQuery,
  ApiKeyList,
  ApiKeyRole,
  ApiKeyView,
  ChangePasswordRequest,
  CreateApiKeyRequest,
  CreatedApiKey,
  CreateUserRequest,
  LoginAnswer,
  LoginRequest,
  LogoutRequest,
  Tier,
  UpdateUserRequest,
  UserList,
  UserRole,
  UserView,
  WhoAmI,
} from './auth-api.ts';
export type { AuthClient } from './auth-client.ts';
export { auditListQuerySchema, auditPageSchema } from './audit-api.ts';
export type { AuditListQuery, AuditPage } from './audit-api.ts';
export {
  createTrainSchema,
  executeTrainSchema,
  trainCommandSchema,
  trainListSchema,
  trainViewSchema,
} from './train-api.ts';
export type { CheckedTrain, CreateTrainRequest, TrainList, TrainMemberView, TrainView } from './train-api.ts';
export type { ExecuteTrainRequest, TrainClient, TrainCommandRequest } from './train-client.ts';
export { simulateTrainRequestSchema, trainSimulationResultSchema } from './train-simulation-api.ts';
export type {
  CheckedTrainSimulation,
  SimulatedMember,
  SimulateTrainRequest,
  TrainSimulationResult,
} from './train-simulation-api.ts';
export { decodeBase64, encodeBase64 } from './base64.ts';
export { maxLineChars, shownLine, shownText } from './shown-line.ts';
export { approvalSchema, commandSchema, executeSchema, rollbackSchema } from './deployment-commands.ts';
export type {
  ApprovalRequest,
  CommandRequest,
  ExecuteRequest,
  OverrideRequest,
  RollbackRequest,
} from './deployment-commands.ts';
export {
  createDeploymentSchema,
  deploymentListQuerySchema,
  deploymentListSchema,
  deploymentViewSchema,
  finalStatuses,
  journalViewSchema,
} from './deployment-api.ts';
export type {
  ApprovalView,
  AutoRollbackRequest,
  CreateDeploymentRequest,
  DeploymentEvent,
  DeploymentList,
  DeploymentListQuery,
  DeploymentNodeView,
  DeploymentView,
  JournalEntryView,
  JournalView,
  NodeSelectorRequest,
  MirroredView,
  OutstandingNodeView,
} from './deployment-api.ts';
export type { DeploymentClient, WatchOptions } from './deployment-client.ts';
export { policyViewSchema, putPolicySchema } from './policy-api.ts';
export type { CheckedPolicy, PolicyView, PutPolicyRequest } from './policy-api.ts';
export type { PolicyClient } from './policy-client.ts';
export { protocolError, protocolErrorCodes } from './error-codes.ts';
export type { ProtocolErrorCode } from './error-codes.ts';
export { healthViewSchema } from './health-api.ts';
export type { HealthView } from './health-api.ts';
export { createHotSwapClient } from './hotswap-client.ts';
export type { HotSwapClient } from './hotswap-client.ts';
export type { HotSwapClientOptions, RequestOptions } from './http-transport.ts';
export { defaultPageSize } from './list-api.ts';
export type { ListQuery } from './list-api.ts';
export {
  capabilitiesSchema,
  moduleListQuerySchema,
  moduleListSchema,
  moduleMetadataSchema,
  moduleReportSchema,
  moduleViewSchema,
  registerModuleSchema,
  resourceLimitsSchema,
  validateModuleSchema,
} from './module-api.ts';
export type {
  CheckedModuleMetadata,
  ModuleList,
  ModuleListQuery,
  ModuleMetadata,
  ModuleReport,
  ModuleView,
  RegisterModuleRequest,
  ValidateModuleRequest,
} from './module-api.ts';
export { allowedHostSchema, moduleHttpSchema, moduleRuntimeSchema } from './module-serving.ts';
export type { ModuleHttpRequest, ModuleRuntimeRequest } from './module-serving.ts';
export {
  affectedConsumerSchema,
  decideInterfaceSchema,
  declareConsumerSchema,
  interfaceConsumerViewSchema,
  interfaceListQuerySchema,
  interfaceListSchema,
  interfaceNameSchema,
  interfaceReportSchema,
  interfaceVersionSchema,
  interfaceViewSchema,
  registerInterfaceSchema,
  validateInterfaceSchema,
} from './interface-api.ts';
export type {
  AffectedConsumerView,
  DecideInterfaceRequest,
  DeclareConsumerRequest,
  InterfaceChangeView,
  InterfaceConsumerView,
  InterfaceList,
  InterfaceListQuery,
  InterfaceReport,
  InterfaceStatusText,
  InterfaceSummaryView,
  InterfaceView,
  RegisterInterfaceRequest,
  ValidateInterfaceRequest,
} from './interface-api.ts';
export type { InterfaceClient } from './interface-client.ts';
export type { InvokeOptions, ModuleClient } from './module-client.ts';
export {
  joinTokenRequestSchema,
  joinTokenViewSchema,
  nodeHealthViewSchema,
  nodeListQuerySchema,
  nodeListSchema,
  nodeStatuses,
  nodeViewSchema,
  updateNodeSchema,
} from './node-api.ts';
export type {
  JoinTokenRequest,
  JoinTokenView,
  NodeCondition,
  NodeConditionType,
  NodeHealthView,
  NodeList,
  NodeListQuery,
  NodeStatus,
  NodeView,
  UpdateNodeRequest,
} from './node-api.ts';
export { nodeChecksAnswerSchema, nodeChecksRequestSchema, nodeCheckViewSchema } from './node-check-api.ts';
export type {
  ModuleCheckState,
  ModuleCheckView,
  NodeChecksAnswer,
  NodeChecksRequest,
  NodeCheckView,
} from './node-check-api.ts';
export type { NodeClient, NodeLogOptions } from './node-client.ts';
export {
  isNodeLogId,
  mostLogWaitMs,
  nodeLogBatchSchema,
  nodeLogQuerySchema,
  nodeLogReadSchema,
  nodePaths,
} from './node-log-api.ts';
export type {
  NodeLogBatch,
  NodeLogEvent,
  NodeLogLevel,
  NodeLogLine,
  NodeLogLoss,
  NodeLogQuery,
  NodeLogRead,
  NodeLogStream,
} from './node-log-api.ts';
export {
  errorFromProblem,
  problemDetailsSchema,
  problemMediaType,
  problemTypeBase,
  readProblem,
} from './problem-details.ts';
export type { ProblemDetails, ValidationIssue } from './problem-details.ts';
export { apiBase, protocolVersion } from './protocol-version.ts';
export {
  releaseChangeSchema,
  releaseDiffQuerySchema,
  releaseDiffSchema,
  releaseListQuerySchema,
  releaseListSchema,
  releaseViewSchema,
} from './release-api.ts';
export type {
  ReleaseChange,
  ReleaseDiff,
  ReleaseDiffQuery,
  ReleaseList,
  ReleaseListQuery,
  ReleaseView,
} from './release-api.ts';
export { routeListQuerySchema, routeListSchema, routeViewSchema, setRouteSchema } from './route-api.ts';
export type { RouteList, RouteListQuery, RouteTargetView, RouteView, SetRouteRequest } from './route-api.ts';
export { strategyListSchema } from './strategy-api.ts';
export type { StrategyList, StrategyView } from './strategy-api.ts';
export { formatSse, readSse } from './sse-reader.ts';
export type { SseEvent } from './sse-reader.ts';
export {
  chosenIdSchema,
  jsonSchema,
  labelsSchema,
  moduleIdSchema,
  moduleNameSchema,
  moduleVersionSchema,
  regionSchema,
  timestampSchema,
} from './wire-text.ts';
export { toWitValues, witToJson } from './wit-json.ts';
export { parseWitType } from './wit-type.ts';
export type { WitType } from './wit-type.ts';
export {
  mostSimulatedNodes,
  simulatedFleetSchema,
  simulateRequestSchema,
  simulationResultSchema,
  simulationScriptSchema,
} from './simulation-api.ts';
export type {
  SimulatedChange,
  SimulatedCommand,
  SimulatedCourse,
  SimulatedEvent,
  SimulatedFault,
  SimulatedFleet,
  SimulatedMetrics,
  SimulatedNodes,
  SimulatedOutcome,
  SimulatedPeriod,
  SimulateRequest,
  SimulationConditions,
  SimulationResult,
  SimulationScript,
} from './simulation-api.ts';
export type { RouteClient } from './route-client.ts';
export { nodeMetricsQuerySchema, nodeMetricsViewSchema } from './node-metrics-api.ts';
export type { NodeMetricsQuery, NodeMetricsView, NodeModuleMetricsView } from './node-metrics-api.ts';
export { otlpEndpointSchema } from './otlp-endpoint.ts';
export type { AskedTraffic, DeploymentTrafficRequest } from './deployment-traffic.ts';
