/**
 * How a suite hands its clauses to a test runner: `test` of `node:test` and `it` of Vitest both fit.
 * @public
 */
export type TestFunction = (name: string, run: () => Promise<void>) => unknown;

/** What every contract suite is given. @public */
export interface SuiteOptions<Rig extends AsyncDisposable> {
  readonly test: TestFunction;
  /** Makes what is tested, fresh for each clause; disposed of after it. */
  readonly create: () => Promise<Rig>;
  /** Clauses that do not apply, by their name, each with a reason for the reader. An unknown name is an error. */
  readonly skip?: readonly { readonly test: string; readonly reason: string }[];
}

/** Clauses of a contract by what they claim. @internal */
export type Clauses<Rig> = Readonly<Record<string, (rig: Rig) => Promise<void>>>;

/**
 * Registers clauses as tests.
 * @internal
 */
export function defineSuite<Rig extends AsyncDisposable>(options: SuiteOptions<Rig>, clauses: Clauses<Rig>): void {
  const skipped = new Set((options.skip ?? []).map(({ test }) => test));
  for (const name of skipped)
    if (!Object.hasOwn(clauses, name)) throw new TypeError(`the suite has no clause named ${name}`);
  for (const [name, clause] of Object.entries(clauses)) {
    if (skipped.has(name)) continue;
    options.test(name, async () => {
      await using rig = await options.create();
      await clause(rig);
    });
  }
}
