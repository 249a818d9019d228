import {
  commandSituations,
  commandTable,
  deploymentCommands,
  type CommandRule,
  type CommandSituation,
} from '@hotswap/core';
import { code, plain, table } from '../markdown.ts';
import type { ReferencePage } from '../reference-page.ts';

const situations = Object.keys(commandSituations) as CommandSituation[];

type Deed = Extract<CommandRule, { does: string }>['does'];

const deeds: Readonly<Record<Deed, string>> = {
  approve: 'allows one execution of exactly this specification within an hour; refused to the author',
  reject: 'ends the deployment as Cancelled',
  execute:
    'begins the rollout: freezes targets and baseline; where an approval is needed and not there, it is that of whoever executes, who must not be the author',
  hold: 'stops issuing and stops the clocks',
  free: 'goes on where it was held',
  answer: "answers the strategy's own pause; refused when that pause does not accept it",
  endWait: 'ends the wait early',
  undo: 'brings back what was there before, if anything was changed, and ends the deployment',
  nothing: 'changes nothing: it is so already, and the answer is the same',
};

/** Commands by situation, from the table that the engine obeys. */
export const commandsPage: ReferencePage = {
  path: 'docs/reference/commands.md',
  title: 'Commands',
  render: async () => {
    const refusals = [...new Set(rules().flatMap((rule) => ('refused' in rule ? [rule.refused] : [])))];
    const cell = (rule: CommandRule): string =>
      'refused' in rule ? `409 (${refusals.indexOf(rule.refused) + 1})` : rule.does;
    return [
      "What each command does in each situation of a deployment. A refusal is `HS_DEPLOYMENT_COMMAND_REFUSED`, status 409, with its reason in the text. `allowed` of the engine's `Deployment` lists the commands that would not be refused at that moment.",
      table(
        ['situation', ...deploymentCommands.map(code)],
        situations.map((situation) => [
          code(situation),
          ...deploymentCommands.map((command) => cell(commandTable[command][situation])),
        ]),
      ),
      '## Situations',
      table(
        ['situation', 'a deployment that is'],
        situations.map((situation) => [code(situation), plain(commandSituations[situation])]),
      ),
      '## Deeds',
      table(
        ['deed', 'what happens'],
        Object.entries(deeds).map(([deed, text]) => [code(deed), plain(text)]),
      ),
      '## Refusals',
      table(
        ['409', 'reason'],
        refusals.map((reason, index) => [`(${index + 1})`, plain(reason)]),
      ),
    ].join('\n\n');
  },
};

function rules(): readonly CommandRule[] {
  return deploymentCommands.flatMap((command) => situations.map((situation) => commandTable[command][situation]));
}
