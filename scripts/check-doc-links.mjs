// Every relative link of every tracked Markdown file leads to a file, and its #anchor to a heading there.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { root } from './bootstrap/paths.mjs';

/** The text outside code: links in examples are not links. */
const withoutCode = (text) => text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/`[^`\n]*`/g, '');

/** Heading anchors as GitHub makes them; the n-th repeat of one gets `-n`. */
function anchorsOf(text) {
  const seen = new Map();
  const anchors = new Set([...text.matchAll(/<a\s+(?:id|name)="([^"]+)"/g)].map((match) => match[1]));
  for (const [, heading] of text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').matchAll(/^#{1,6}\s+(.*?)\s*#*$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = plain.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-');
    const repeats = seen.get(anchor) ?? 0;
    seen.set(anchor, repeats + 1);
    anchors.add(repeats === 0 ? anchor : `${anchor}-${repeats}`);
  }
  return anchors;
}

/** What is wrong with a link's target, or undefined. */
function problemOf(file, target) {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined;
  const [path, anchor] = target.split('#');
  const found =
    path === ''
      ? join(root, file)
      : path.startsWith('/')
        ? join(root, path)
        : join(root, dirname(file), decodeURI(path));
  if (!existsSync(found)) return `${relative(root, found)} does not exist`;
  if (!anchor || !found.endsWith('.md') || statSync(found).isDirectory()) return undefined;
  return anchorsOf(readFileSync(found, 'utf8')).has(decodeURIComponent(anchor))
    ? undefined
    : `${relative(root, found)} has no heading "#${anchor}"`;
}

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file)));
let links = 0;
for (const file of files) {
  const text = withoutCode(readFileSync(join(root, file), 'utf8'));
  for (const [, target] of text.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)) {
    links += 1;
    const problem = problemOf(file, target);
    if (problem === undefined) continue;
    console.error(`${file}: ${problem}`);
    process.exitCode = 1;
  }
}
console.log(`${links} links in ${files.length} files checked`);
