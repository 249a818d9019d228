import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readText, root } from './repository.ts';

/** One row of the table. */
export interface Requirement {
  readonly id: string;
  readonly holds: boolean;
  readonly text: string;
  readonly shownBy: string;
}

const requirementsFile = 'docs/requirements.md';

/** Rows of docs/requirements.md: `| [x] | ID | text | shown by |`. */
export function requirements(): readonly Requirement[] {
  return readText(requirementsFile)
    .split('\n')
    .filter((line) => /^\| \[[ x]\] \|/.test(line))
    .map((line) => {
      const [, mark = '', id = '', text = '', shownBy = ''] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
      return { id, holds: mark === '[x]', text, shownBy };
    });
}

/**
 * What is wrong with the table: ids twice, ticks without a proof, files that do not exist, and test names that the file
 * before them does not contain. A proof is a path or a command in backticks; a fragment of a test's name follows its file
 * in double quotes.
 */
export function requirementProblems(): readonly string[] {
  const rows = requirements();
  const twice = rows
    .filter(({ id }, index) => rows.findIndex((row) => row.id === id) !== index)
    .map(({ id }) => `${id} stands twice`);
  return [...twice, ...rows.flatMap(rowProblems)];
}

function rowProblems({ id, holds, shownBy }: Requirement): readonly string[] {
  const problems: string[] = [];
  let proofs = 0;
  let file: string | undefined;
  for (const [, quoted, fragment] of shownBy.matchAll(/`([^`]+)`|"([^"]+)"/g)) {
    if (quoted !== undefined) {
      proofs += 1;
      file = isPath(quoted) ? quoted : undefined;
      if (file !== undefined && !existsSync(join(root, file))) problems.push(`${id}: ${file} does not exist`);
    } else if (file !== undefined && existsSync(join(root, file)) && !readText(file).includes(fragment ?? '')) {
      problems.push(`${id}: ${file} has no "${fragment ?? ''}"`);
    }
  }
  if (holds && proofs === 0) problems.push(`${id}: is ticked and names nothing that shows it`);
  return problems;
}

/** Commands have a space in them (`npm test`); a word with a slash, or with the name of a file of the root, is a path. */
const isPath = (text: string): boolean => !text.includes(' ') && (text.includes('/') || existsSync(join(root, text)));
