/** What `startServices` of `services.mjs` resolves with. */
export interface RunningServices {
  readonly environment: { readonly HOTSWAP_TEST_POSTGRES_URL?: string };
  readonly missing: readonly string[];
  stop(): Promise<void>;
}

export function startServices(): Promise<RunningServices>;
