import { InvalidArgumentError, Option, type Command } from 'commander';
import type {
  AffectedConsumerView,
  DecideInterfaceRequest,
  InterfaceChangeView,
  InterfaceList,
  InterfaceListQuery,
  InterfaceReport,
  InterfaceSummaryView,
  InterfaceView,
} from '@hotswap/protocol';
import type { CommandSession, SessionOf } from '../command-session.ts';
import { compareHere } from '../compose.ts';
import { cliError } from '../error-codes.ts';
import { exitCodes } from '../exit-codes.ts';
import { addPageOptions, showPage } from '../list-pages.ts';
import { collect } from '../option-values.ts';
import { oneLine } from '../output/one-line.ts';
import { fields, table } from '../output/table.ts';
import { readInterfaceOf } from '../read-wit-folder.ts';

/** `hotswap interface ...`: the registry of WIT packages, and the differ on two files. @internal */
export function addInterfaceCommands(program: Command, sessionOf: SessionOf): void {
  const group = program.command('interface').description('register and compare interfaces of modules');
  addRegistration(group, sessionOf);
  addReading(group, sessionOf);
  addComparison(group, sessionOf);
  for (const decision of ['approve', 'reject', 'deprecate'] as const) addDecision(group, sessionOf, decision);
  addConsumers(group, sessionOf);
}

function addRegistration(group: Command, sessionOf: SessionOf): void {
  group
    .command('register')
    .description('register a version of a WIT package')
    .argument('<file>', 'WIT text, or a folder of it with its deps')
    .option('--name <name>', 'name of the package such as acme:img, where the text does not say it')
    .option('--version <version>', 'its version, where the text does not say it')
    .action(async (file: string, options: { readonly name?: string; readonly version?: string }) => {
      const session = sessionOf();
      const wit = (await readInterfaceOf(file)).toString('utf8');
      const stated = /^\s*package\s+([a-z][\w-]*:[a-z][\w-]*)(?:@([\w.+-]+))?\s*;/m.exec(wit);
      const name = options.name ?? stated?.[1];
      const version = options.version ?? stated?.[2];
      if (name === undefined || version === undefined)
        throw cliError('HS_CLI_INVALID_OPTION', {
          option: name === undefined ? '--name' : '--version',
          why: `${file} does not begin with package NAME@VERSION`,
        });
      const registered = await (await session.client()).interfaces.register({ name, version, wit });
      session.terminal.result(registered, viewText, idOf);
      if (registered.status === 'PendingApproval')
        session.terminal.say(
          `it breaks what there is, so an admin decides: hotswap interface approve ${name}@${version}, or reject`,
        );
    });
}

function addReading(group: Command, sessionOf: SessionOf): void {
  addPageOptions(group.command('list'))
    .description('list registered versions, newest first')
    .argument('[name]', 'versions of one package')
    .addOption(
      new Option('--status <status>', 'only versions that stand there').choices([
        'Approved',
        'PendingApproval',
        'Rejected',
        'Deprecated',
      ]),
    )
    .action(async (name: string | undefined, query: InterfaceListQuery) => {
      const session = sessionOf();
      const { interfaces } = await session.client();
      const list =
        name === undefined ? await interfaces.list(query) : versionsPage(await interfaces.versions(name), query);
      showPage(session, list, listText, (page) => page.interfaces.map(idOf));
    });
  group
    .command('show')
    .description('show a registered version, with its text and what it changed')
    .argument('<interface>', 'NAME@VERSION')
    .action(async (id: string) => {
      const session = sessionOf();
      const [name, version] = parts(id);
      session.terminal.result(
        await (await session.client()).interfaces.get(name, version),
        (view) => [viewText(view), '', view.wit.trimEnd()].join('\n'),
        idOf,
      );
    });
}

/** The server tells all versions of a package at once, the oldest first: what a page of them has is chosen here. */
function versionsPage({ interfaces }: InterfaceList, { status, limit, cursor }: InterfaceListQuery): InterfaceList {
  const newestFirst = interfaces.toReversed();
  const begin = cursor === undefined ? 0 : newestFirst.findIndex(({ version }) => version === cursor) + 1;
  if (cursor !== undefined && begin === 0)
    throw cliError('HS_CLI_INVALID_OPTION', { option: '--cursor', why: 'it is not one that this list has given out' });
  const asked = newestFirst.slice(begin).filter((each) => status === undefined || each.status === status);
  const shown = asked.slice(0, limit);
  return { interfaces: shown, nextCursor: shown.length < asked.length ? (shown.at(-1)?.version ?? null) : null };
}

function addComparison(group: Command, sessionOf: SessionOf): void {
  group
    .command('diff')
    .description('show what changes from one to another, without a server; ends with 7 when it breaks callers')
    .argument('<a>', 'WIT text, a folder of it with its deps, or a module (.wasm)')
    .argument('<b>')
    .action(async (a: string, b: string) => {
      const session = sessionOf();
      const changes = await compareHere(await readInterfaceOf(a), await readInterfaceOf(b), () =>
        session.openRuntime(),
      );
      session.terminal.result({ changes }, () => changesText(changes));
      endBy(session, changes);
    });
  group
    .command('validate')
    .description('ask the server what a text or a module would break, and for whom; ends with 7 when it does')
    .argument('<what>', 'WIT text (.wit), a folder of it with its deps, or id of a registered module')
    .option('--against <what>', 'NAME@VERSION or a module id; default: what is approved, or what serves now')
    .action(async (what: string, { against }: { readonly against?: string }) => {
      const session = sessionOf();
      const { interfaces } = await session.client();
      const subject = await subjectOf(what);
      const report = await interfaces.validate({ ...subject, ...(against === undefined ? {} : { against }) });
      session.terminal.result(report, reportText);
      endBy(session, report.changes);
    });
}

/** @throws HS_CLI_INVALID_OPTION, HS_CLI_UNREADABLE_FILE */
async function subjectOf(what: string): Promise<{ readonly wit: string } | { readonly moduleId: string }> {
  if (what.endsWith('.wasm'))
    throw cliError('HS_CLI_INVALID_OPTION', {
      option: what,
      why: 'the server knows modules by their ids: hotswap push registers one, hotswap interface diff compares two files here',
    });
  // An id has no separators of folders, but a folder may be named like one.
  const isText = what.endsWith('.wit') || /[/\\]/.test(what) || what === '.';
  return isText ? { wit: (await readInterfaceOf(what)).toString('utf8') } : { moduleId: what };
}

function addDecision(group: Command, sessionOf: SessionOf, decision: 'approve' | 'reject' | 'deprecate'): void {
  group
    .command(decision)
    .description(`${decision} a registered version`)
    .argument('<interface>', 'NAME@VERSION')
    .option('--reason <text>', 'kept with the decision')
    .option(
      '--revision <n>',
      'refuse any other text than the one of this revision, which `interface show` tells',
      revisionOf,
    )
    .action(async (id: string, options: DecideInterfaceRequest) => {
      const session = sessionOf();
      const [name, version] = parts(id);
      const { interfaces } = await session.client();
      session.terminal.result(await interfaces[decision](name, version, options), viewText, idOf);
    });
}

function revisionOf(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number above 0.');
  return Number(text);
}

function addConsumers(group: Command, sessionOf: SessionOf): void {
  group
    .command('consumer')
    .description('say that somebody depends on a version, or no longer')
    .argument('<interface>', 'NAME@VERSION')
    .argument('<consumer>', 'name of a service or person')
    .option('--uses <item>', 'interface, or interface#function; repeatable; default: everything', collect)
    .option('--remove', 'it does not depend on it any more')
    .action(
      async (
        id: string,
        consumer: string,
        options: { readonly uses?: readonly string[]; readonly remove?: boolean },
      ) => {
        const session = sessionOf();
        const [name, version] = parts(id);
        const { interfaces } = await session.client();
        if (options.remove === true) {
          await interfaces.removeConsumer(name, version, consumer);
          session.terminal.result(
            { name, version, consumer },
            () => `${consumer} does not depend on ${id} any more`,
            () => consumer,
          );
          return;
        }
        const uses = options.uses === undefined ? {} : { uses: options.uses };
        const declared = await interfaces.declareConsumer(name, version, { consumer, ...uses });
        session.terminal.result(
          declared,
          (view) => `${view.consumer} uses ${view.uses.join(', ') || 'everything'} of ${id}`,
        );
      },
    );
}

function endBy(session: CommandSession, changes: readonly InterfaceChangeView[]): void {
  if (changes.some(({ kind }) => kind === 'breaking')) session.setExitCode(exitCodes.conflict);
}

/** @throws HS_CLI_INVALID_OPTION */
function parts(id: string): readonly [name: string, version: string] {
  const [name, version] = id.split('@');
  if (name === undefined || name === '' || version === undefined || version === '')
    throw cliError('HS_CLI_INVALID_OPTION', { option: id, why: 'it must be NAME@VERSION such as acme:img@1.2.0' });
  return [name, version];
}

const idOf = ({ name, version }: InterfaceSummaryView): string => `${name}@${version}`;

function viewText(view: InterfaceView): string {
  const about = fields([
    ['interface', idOf(view)],
    ['status', view.status],
    ['revision', String(view.revision)],
    [
      'decided',
      view.decidedBy === null ? undefined : `by ${view.decidedBy}${view.reason === null ? '' : `: ${view.reason}`}`,
    ],
    ['interfaces', view.interfaces.join(', ') || '-'],
    ['worlds', view.worlds.join(', ') || undefined],
    ['consumers', view.consumers.map(({ consumer }) => consumer).join(', ') || undefined],
    ['compared', view.comparedWith === null ? 'with nothing: the first of its range' : `with ${view.comparedWith}`],
  ]);
  return view.changes.length === 0 ? about : `${about}\n${changesText(view.changes)}`;
}

function listText({ interfaces }: InterfaceList): string {
  return table(
    ['INTERFACE', 'STATUS', 'BY', 'REASON'],
    interfaces.map((each) => [
      `${each.name}@${each.version}`,
      each.status,
      each.decidedBy ?? each.createdBy,
      each.reason ?? '',
    ]),
  );
}

function reportText({ against, changes, consumers }: InterfaceReport): string {
  const head = against === null ? 'there is nothing to compare with' : `compared with ${against}:`;
  return [head, changesText(changes), ...consumersText(consumers)].join('\n');
}

/** Each change with its exact place, breaking ones first. */
function changesText(changes: readonly InterfaceChangeView[]): string {
  if (changes.length === 0) return 'nothing changes';
  const order = { breaking: 0, additive: 1, info: 2 } as const;
  return changes
    .toSorted((a, b) => order[a.kind] - order[b.kind])
    .map(({ kind, change, path, before, after }) => {
      const values = before === null ? `+ ${after ?? ''}` : after === null ? `- ${before}` : `${before} -> ${after}`;
      return `${kind.padEnd(8)}  ${change}  ${path}\n            ${values}`;
    })
    .join('\n');
}

function consumersText(consumers: readonly AffectedConsumerView[]): readonly string[] {
  return consumers.map(({ kind, name, paths }) => oneLine(`breaks ${kind} ${name}: ${paths.join(', ')}`));
}
