import { expect, it } from 'vitest';
import { diffPackages, readWit } from '@hotswap/interfaces';

const one = 'plugin: interface { run: func(); }';
const two = 'plugin: interface { run: func(); stop: func(); }';
const packageOf = (version: string, items: string) =>
  readWit(`package acme:host@${version};\nworld w { ${items} }`).root;

/** What `semver_check` says of the world, `new` standing where `prev` stood for the components of before. */
it.each([
  ['export', one, two, 'breaking', 'function-added'],
  ['export', two, one, 'info', 'function-removed'],
  ['import', one, two, 'additive', 'function-added'],
  ['import', two, one, 'breaking', 'function-removed'],
])('an interface that a world declares itself: %s %s, then %s, is %s', (side, before, after, severity, kind) => {
  const changes = diffPackages(packageOf('1.0.0', `${side} ${before}`), packageOf('1.1.0', `${side} ${after}`));
  expect(changes).toEqual([expect.objectContaining({ severity, kind, direction: side, path: 'plugin#stop' })]);
});
