/** What was used of quotas per UTC day. @internal */
export interface DayQuotas {
  /** Takes up to `amount` of what is left of the limit today. */
  take(
    tenant: string,
    subject: string,
    amount: number,
    limit: number,
  ): Promise<{ readonly granted: number; readonly used: number; readonly day: string; readonly resetMs: number }>;
  giveBack(tenant: string, subject: string, day: string, amount: number): Promise<void>;
}
