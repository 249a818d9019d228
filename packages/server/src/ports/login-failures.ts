/** Failed logins by name and by address. @internal */
export interface LoginFailures {
  /** Counts an attempt; milliseconds to wait when it may not be made now, else 0. */
  attempt(subjects: readonly { readonly hash: string; readonly free: number }[]): Promise<number>;
  succeed(nameHash: string, addressHash: string): Promise<void>;
  record(tenant: string, object: string, address: string, why: string): Promise<void>;
}
