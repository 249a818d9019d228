import type { Command } from 'commander';
import type { DeploymentView, HotSwapClient, NodeView } from '@hotswap/protocol';
import { cliVersion } from '../cli-version.ts';
import type { CommandSession, SessionOf } from '../command-session.ts';
import { diagnoseFleet, type Finding, type FindingLevel } from '../doctor/diagnose-fleet.ts';
import { exitCodes } from '../exit-codes.ts';
import { oneLine } from '../output/one-line.ts';
import type { Colour } from '../output/terminal.ts';

const pageSize = 200;
/** Deployments that need somebody are few, or nobody reads all of them. */
const mostDeployments = 50;

/** `hotswap doctor`: what is wrong, and what to do next. @internal */
export function addDoctorCommand(program: Command, sessionOf: SessionOf): void {
  program
    .command('doctor')
    .description('look for what is wrong: server, versions, nodes, deployments; ends with 1 when something is')
    .option('--strict', 'end with 1 for warnings, too')
    .action(async (options: { readonly strict?: boolean }) => {
      const session = sessionOf();
      const findings = await examine(await session.client());
      const has = (level: FindingLevel): boolean => findings.some((finding) => finding.level === level);
      session.terminal.result({ findings }, () => findingsText(session, findings));
      session.setExitCode(has('fail') || (options.strict === true && has('warn')) ? exitCodes.error : exitCodes.ok);
    });
}

async function examine(client: HotSwapClient): Promise<readonly Finding[]> {
  const [health, nodes, stuck, paused, pending] = await Promise.all([
    client.health(),
    allNodes(client),
    client.deployments.list({ stuck: true, limit: mostDeployments }),
    client.deployments.list({ status: 'Paused', limit: mostDeployments }),
    client.deployments.list({ status: 'PendingApproval', limit: mostDeployments }),
  ]);
  const waiting: readonly DeploymentView[] = [...paused.deployments, ...pending.deployments];
  return diagnoseFleet({ health, nodes, stuck: stuck.deployments, waiting, ownVersion: cliVersion });
}

async function allNodes(client: HotSwapClient): Promise<readonly NodeView[]> {
  const all: NodeView[] = [];
  let cursor: string | null = null;
  do {
    const page = await client.nodes.list({ limit: pageSize, ...(cursor === null ? {} : { cursor }) });
    all.push(...page.nodes);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return all;
}

const colours: Readonly<Record<FindingLevel, Colour>> = { ok: 'green', warn: 'yellow', fail: 'red' };

function findingsText({ terminal }: CommandSession, findings: readonly Finding[]): string {
  return findings
    .flatMap(({ check, level, summary, next }) => [
      `${terminal.paint(colours[level], level.padEnd(4))}  ${check.padEnd(11)}  ${oneLine(summary)}`,
      ...(next === undefined ? [] : [`${' '.repeat(19)}${terminal.paint('dim', `next: ${next}`)}`]),
    ])
    .join('\n');
}
