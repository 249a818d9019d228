import type { CommandOptions } from '../contracts/rollout-engine.ts';
import type { DeploymentCommand } from './journal-entry.ts';

/** A person's command as it reaches the engine. @internal */
export interface CommandRequest {
  readonly command: DeploymentCommand;
  readonly actor: string;
  readonly options: CommandOptions;
}
