/** A node of a local cluster. @public */
export interface LocalNode {
  readonly nodeId: string;
  readonly region: string;
  readonly zone: string;
}

/** Six nodes in three regions: what `npm run demo` and `npm start` work with. @public */
export const sixNodesInThreeRegions: readonly LocalNode[] = ['us-east', 'us-west', 'eu-central'].flatMap((region) =>
  ['a', 'b'].map((zone, index) => ({ nodeId: `edge-${region}-0${index + 1}`, region, zone: `${region}-1${zone}` })),
);
