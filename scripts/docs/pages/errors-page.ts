import type { ErrorCodeEntry } from '@hotswap/core';
import { engineCodes, engineMapping, errorTables, planeCodes } from '../error-tables.ts';
import { code, plain, table } from '../markdown.ts';
import type { ReferencePage } from '../reference-page.ts';

/** Every code that a caller can meet, by package. */
export const errorsPage: ReferencePage = {
  path: 'docs/reference/errors.md',
  title: 'Error codes',
  render: async () => {
    const tables = await errorTables();
    const mapping = await engineMapping();
    return [
      'Every error of HotSwap carries a code. Codes are stable within a major version, texts are not. Over HTTP they arrive as `application/problem+json` with `code`, `detail` and the facts that the text names in braces. *Again* means that the same call may succeed later without a change by the caller.',
      ...tables.flatMap(({ packageName, codes }) => [
        `## ${packageName}`,
        table(['code', 'status', 'again', 'text'], Object.entries(codes).map(errorRow)),
      ]),
      '## Codes of HTTP listeners',
      'Nodes answer these at their own HTTP port before a module is asked, or instead of it. What a module itself failed with keeps its code from above, without its text.',
      table(
        ['code', 'status', 'text'],
        planeCodes().map(({ name, status, detail }) => [code(name), status, plain(detail)]),
      ),
      '## Codes of the native engine',
      'The Rust engine has codes of its own. They leave the process under these names.',
      table(
        ['engine', 'outside', 'meaning'],
        engineCodes().map(({ name, summary }) => [code(name), code(mapping[name] ?? ''), plain(summary)]),
      ),
    ].join('\n\n');
  },
};

function errorRow([name, { httpStatus, retryable, message }]: readonly [string, ErrorCodeEntry]): readonly string[] {
  return [code(name), String(httpStatus), retryable === true ? 'yes' : '', plain(message)];
}
