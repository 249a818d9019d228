/** A part of a written page that is made from sources: what stands between `<!-- name -->` and `<!-- /name -->`. */
export interface GeneratedBlock {
  /** Path of the page from the root of the repository. */
  readonly path: string;
  readonly name: string;
  readonly render: () => Promise<string>;
}

/** The page with the block as it has to be; undefined when the page has no such place. */
export async function fillBlock(page: string, { name, render }: GeneratedBlock): Promise<string | undefined> {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) return undefined;
  return `${page.slice(0, from + begin.length)}\n${(await render()).trim()}\n${page.slice(to)}`;
}
