import { z } from 'zod';
import { listQueryShape, type ListQuery } from './list-api.ts';
import { moduleIdSchema, timestampSchema } from './wire-text.ts';

/** Where a registered interface stands. @public */
export type InterfaceStatusText = 'Approved' | 'PendingApproval' | 'Rejected' | 'Deprecated';

/** One difference between two versions of an interface. @public */
export interface InterfaceChangeView {
  /** What it means for the other side. */
  readonly kind: 'breaking' | 'additive' | 'info';
  /** What it is: `param-type-changed`, `function-removed`. */
  readonly change: string;
  /** Side of the module on which it lies. */
  readonly direction: 'export' | 'import';
  /** The exact place: `acme:img/resize@1.2.0#scale.param[1:w].record(size).field[h]`. */
  readonly path: string;
  /** What stood there, in the words of WIT; `null`: nothing. */
  readonly before: string | null;
  readonly after: string | null;
}

/** A registered version of a WIT package, without its text. @public */
export interface InterfaceSummaryView {
  /** `ns:name`. */
  readonly name: string;
  readonly version: string;
  readonly status: InterfaceStatusText;
  /** Version that it was compared with; `null`: the first of its range. */
  readonly comparedWith: string | null;
  readonly createdBy: string;
  readonly createdAt: string;
  /** Who approved, rejected or deprecated it; `null`: nobody had to. */
  readonly decidedBy: string | null;
  readonly decidedAt: string | null;
  readonly reason: string | null;
  /** From 1; rises with each decision, and with each other text after a rejection. */
  readonly revision: number;
}

/** A registered version with all there is to it. @public */
export interface InterfaceView extends InterfaceSummaryView {
  readonly wit: string;
  /** Ids of its interfaces and worlds: `acme:img/resize@1.2.0`. */
  readonly interfaces: readonly string[];
  readonly worlds: readonly string[];
  /** What changed since `comparedWith`. */
  readonly changes: readonly InterfaceChangeView[];
  readonly consumers: readonly InterfaceConsumerView[];
}

/** @public */
export interface InterfaceList {
  readonly interfaces: readonly InterfaceSummaryView[];
  readonly nextCursor: string | null;
}

/** @public */
export interface InterfaceListQuery extends ListQuery {
  readonly status?: InterfaceStatusText;
}

/** Somebody who says to depend on an interface. @public */
export interface InterfaceConsumerView {
  /** Version that it was built for. */
  readonly version: string;
  readonly consumer: string;
  /** `interface`, or `interface#function`; empty: everything. */
  readonly uses: readonly string[];
  readonly createdBy: string;
  readonly createdAt: string;
}

/** Body of a registration. @public */
export interface RegisterInterfaceRequest {
  readonly name: string;
  readonly version: string;
  /** WIT text. Its `package` line may be left out; if it is there it must say the same. */
  readonly wit: string;
}

/** Body of a validation; `wit` or `moduleId`. @public */
export interface ValidateInterfaceRequest {
  readonly wit?: string;
  readonly moduleId?: string;
  /**
   * What to compare with: `acme:img@1.2.0`, or a module id. Default: for a text the highest approved version of its
   * range, for a module the version that serves.
   */
  readonly against?: string;
}

/** Somebody who stands on an interface and what of it would break for them. @public */
export interface AffectedConsumerView {
  /** `module`: a live module imports it. `declared`: said so in the registry. `caller`: called the function lately. `http`: sends HTTP requests. */
  readonly kind: 'module' | 'declared' | 'caller' | 'http';
  readonly name: string;
  /** Places of the changes that break it. */
  readonly paths: readonly string[];
}

/** What a validation found; nothing is stored. @public */
export interface InterfaceReport {
  readonly compatible: boolean;
  /** What it was compared with; `null`: there was nothing. */
  readonly against: string | null;
  readonly changes: readonly InterfaceChangeView[];
  /** Whom the breaking changes would break. */
  readonly consumers: readonly AffectedConsumerView[];
}

/** Body of a decision. @public */
export interface DecideInterfaceRequest {
  readonly reason?: string;
  /**
   * Revision that was looked at; another one is refused (412). Absent: whatever is there, which is refused for an approval
   * where there have been several texts.
   */
  readonly revision?: number;
}

/** Body of a declaration. @public */
export interface DeclareConsumerRequest {
  readonly consumer: string;
  readonly uses?: readonly string[];
}

const maxWitCharacters = 524_288;

/** `ns:name` of a WIT package. @public */
export const interfaceNameSchema: z.ZodType<string, unknown> = z
  .string()
  .max(130)
  .regex(/^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*$/, 'must be the name of a WIT package such as wasi:http');

/** Version of a WIT package. @public */
export const interfaceVersionSchema: z.ZodType<string, unknown> = z
  .string()
  .max(60)
  .regex(
    /^(?:0|[1-9]\d{0,8})\.(?:0|[1-9]\d{0,8})\.(?:0|[1-9]\d{0,8})(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/,
    'must be a semantic version such as 1.2.0',
  );

const wit = z.string().min(1).max(maxWitCharacters);
const status = z.enum(['Approved', 'PendingApproval', 'Rejected', 'Deprecated']);

/** @see {@link RegisterInterfaceRequest} @public */
export const registerInterfaceSchema: z.ZodType<RegisterInterfaceRequest, unknown> = z
  .strictObject({ name: interfaceNameSchema, version: interfaceVersionSchema, wit })
  .meta({ id: 'RegisterInterface' });

/** @see {@link ValidateInterfaceRequest} @public */
export const validateInterfaceSchema: z.ZodType<ValidateInterfaceRequest, unknown> = z
  .strictObject({
    wit: wit.exactOptional(),
    moduleId: moduleIdSchema.exactOptional(),
    against: z.string().min(1).max(200).exactOptional(),
  })
  .refine((body) => (body.wit === undefined) !== (body.moduleId === undefined), {
    error: 'needs either wit or moduleId',
  })
  .meta({ id: 'ValidateInterface' });

/** @see {@link DecideInterfaceRequest} @public */
export const decideInterfaceSchema: z.ZodType<DecideInterfaceRequest, unknown> = z
  .strictObject({
    reason: z.string().min(1).max(1_000).exactOptional(),
    revision: z.int().min(1).exactOptional(),
  })
  .meta({ id: 'DecideInterface' });

/** @see {@link DeclareConsumerRequest} @public */
export const declareConsumerSchema: z.ZodType<DeclareConsumerRequest, unknown> = z
  .strictObject({
    consumer: z.string().min(1).max(200),
    uses: z
      .array(
        z
          .string()
          .min(1)
          .max(300)
          .regex(/^[a-z][a-zA-Z0-9-]*(?:#\S+)?$/, 'must be `interface` or `interface#function`'),
      )
      .max(200)
      .exactOptional(),
  })
  .meta({ id: 'DeclareConsumer' });

const change = z.object({
  kind: z.enum(['breaking', 'additive', 'info']),
  change: z.string(),
  direction: z.enum(['export', 'import']),
  path: z.string(),
  before: z.string().nullable(),
  after: z.string().nullable(),
});

/** @see {@link InterfaceConsumerView} @public */
export const interfaceConsumerViewSchema: z.ZodType<InterfaceConsumerView> = z
  .object({
    version: z.string(),
    consumer: z.string(),
    uses: z.array(z.string()),
    createdBy: z.string(),
    createdAt: timestampSchema,
  })
  .meta({ id: 'InterfaceConsumer' });

const summaryShape = {
  name: z.string(),
  version: z.string(),
  status,
  comparedWith: z.string().nullable(),
  createdBy: z.string(),
  createdAt: timestampSchema,
  decidedBy: z.string().nullable(),
  decidedAt: timestampSchema.nullable(),
  reason: z.string().nullable(),
  revision: z.int().min(1),
};

/** @see {@link InterfaceView} @public */
export const interfaceViewSchema: z.ZodType<InterfaceView> = z
  .object({
    ...summaryShape,
    wit: z.string(),
    interfaces: z.array(z.string()),
    worlds: z.array(z.string()),
    changes: z.array(change),
    consumers: z.array(interfaceConsumerViewSchema),
  })
  .meta({ id: 'Interface' });

/** @see {@link InterfaceList} @public */
export const interfaceListSchema: z.ZodType<InterfaceList> = z
  .object({ interfaces: z.array(z.object(summaryShape)), nextCursor: z.string().nullable() })
  .meta({ id: 'InterfaceList' });

/** @see {@link InterfaceListQuery} @public */
export const interfaceListQuerySchema: z.ZodType<
  { limit?: number | undefined; cursor?: string | undefined; status?: InterfaceStatusText | undefined },
  unknown
> = z.strictObject({ ...listQueryShape, status: status.optional() });

/** @see {@link AffectedConsumerView} @public */
export const affectedConsumerSchema: z.ZodType<AffectedConsumerView> = z
  .object({
    kind: z.enum(['module', 'declared', 'caller', 'http']),
    name: z.string(),
    paths: z.array(z.string()),
  })
  .meta({ id: 'AffectedConsumer' });

/** @see {@link InterfaceReport} @public */
export const interfaceReportSchema: z.ZodType<InterfaceReport> = z
  .object({
    compatible: z.boolean(),
    against: z.string().nullable(),
    changes: z.array(change),
    consumers: z.array(affectedConsumerSchema),
  })
  .meta({ id: 'InterfaceReport' });
