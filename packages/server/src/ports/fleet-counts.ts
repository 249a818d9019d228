/** How many of each there are, over all tenants. @internal */
export interface FleetCounts {
  readonly nodes: readonly {
    readonly region: string;
    readonly status: 'Healthy' | 'Degraded' | 'Unhealthy' | 'Disabled';
    readonly count: number;
  }[];
  /** Deployments that have not ended, by status. */
  readonly deployments: readonly { readonly status: string; readonly count: number }[];
  /** Deployments without progress for longer than their running effect explains. */
  readonly stuck: number;
  readonly modules: number;
  /** Module names that are served. */
  readonly routes: number;
}
