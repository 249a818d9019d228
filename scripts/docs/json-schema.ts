import { z } from 'zod';

/** The part of JSON Schema that configuration schemas come out as. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly default?: unknown;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

/** What a schema takes, as JSON Schema. */
export function inputSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
}

/** Type and range of a value, in words. */
export function typeText(schema: JsonSchema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (isDuration(schema)) return 'duration';
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeText))].join(' or ');
  if (schema.type === 'array') return `list of ${typeText(schema.items ?? {})}`;
  if (schema.type === 'object') return 'object';
  if (schema.format === 'uri') return 'URL';
  return [String(schema.type ?? 'any'), rangeText(schema)].filter((text) => text !== '').join(', ');
}

/** Text or a number of seconds, which is how the project's duration schemas look from outside. */
function isDuration({ anyOf = [] }: JsonSchema): boolean {
  return (
    anyOf.length === 2 && anyOf[0]?.type === 'string' && anyOf[0].enum === undefined && anyOf[1]?.type === 'number'
  );
}

function rangeText({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  const low = exclusiveMinimum === undefined ? minimum : exclusiveMinimum;
  const high = exclusiveMaximum === undefined ? maximum : exclusiveMaximum;
  const number = (value: number): string => value.toLocaleString('en-US');
  if (low !== undefined && high !== undefined && high < Number.MAX_SAFE_INTEGER)
    return `${exclusiveMinimum === undefined ? '' : 'above '}${number(low)} to ${number(high)}`;
  if (low !== undefined) return `${exclusiveMinimum === undefined ? 'at least' : 'above'} ${number(low)}`;
  return high === undefined ? '' : `at most ${number(high)}`;
}

/** A default as it would be written in JSON; empty when there is none. */
export function defaultText(value: unknown): string {
  return value === undefined ? '' : `\`${JSON.stringify(value)}\``;
}
