export { simulatorError, simulatorErrorCodes } from './error-codes.ts';
export { runSimulation } from './run-simulation.ts';
export type { SimulationRun } from './run-simulation.ts';
export { describedFleet, readScenario, simulate } from './simulate.ts';
export type { SimulateOptions } from './simulate.ts';
