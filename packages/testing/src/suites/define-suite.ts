/** What a test runner hands to a running test, as far as a suite uses it. @public */
export interface RunningTest {
  /** Reports the test as skipped, with the reason. */
  skip(reason: string): unknown;
}

/**
 * How a suite hands its clauses to a test runner: `test` of `node:test` and `it` of Vitest both fit.
 * @public
 */
export type TestFunction = (name: string, run: (test?: RunningTest) => Promise<void>) => unknown;

/** What every contract suite is given. @public */
export interface SuiteOptions<Rig extends AsyncDisposable> {
  readonly test: TestFunction;
  /** Makes what is tested, fresh for each clause; disposed of after it. */
  readonly create: () => Promise<Rig>;
  /** Clauses that do not apply, by their name, each with a reason for the reader. An unknown name is an error. */
  readonly skip?: readonly { readonly test: string; readonly reason: string }[];
}

/** Why a clause proved nothing: what is tested declares that it cannot do what the clause is about. @internal */
export class NotDeclared {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** A claim about what is tested. @internal */
export type Clause<Rig> = (rig: Rig) => Promise<void | NotDeclared>;

/** Clauses of a contract by what they claim. @internal */
export type Clauses<Rig> = Readonly<Record<string, Clause<Rig>>>;

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
    options.test(name, async (test) => {
      const outcome = await onFreshRig(options, clause);
      if (outcome !== undefined) test?.skip(outcome.reason);
    });
  }
}

async function onFreshRig<Rig extends AsyncDisposable>(
  { create }: SuiteOptions<Rig>,
  clause: Clause<Rig>,
): Promise<NotDeclared | undefined> {
  await using rig = await create();
  return (await clause(rig)) ?? undefined;
}
