import type { Json } from './json.ts';

/** A selector as a deployment names it, its options read and filled. @public */
export interface NamedSelector {
  readonly name: string;
  readonly options: Json;
}
