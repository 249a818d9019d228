import { copyFileSync, renameSync } from 'node:fs';

/** Puts a file in place in one step: a process that runs or maps the old one keeps it. */
export function placeFile(from, to) {
  const temporary = `${to}.${process.pid}.tmp`;
  copyFileSync(from, temporary);
  renameSync(temporary, to);
}
