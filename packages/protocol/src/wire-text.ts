import { z } from 'zod';
import type { Json } from '@hotswap/core';

const deviceNames = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/;
const versionLike = /(?:^|[-._])v?\d+(?:\.\d+)+(?:-[0-9a-z.-]+)?$|[-._]v\d+$/;

/**
 * Name of a module: lower-case letters, digits, `-`, `_` and single dots, 1-100 characters. A name that ends like a
 * version is refused because ids are `name-vX.Y.Z`; so are names that some file systems reserve.
 * @public
 */
export const moduleNameSchema: z.ZodType<string, unknown> = z
  .string()
  .min(1)
  .max(100)
  .regex(
    /^[a-z0-9](?:[a-z0-9_-]|\.(?=[a-z0-9]))*$/,
    'must be lower-case letters, digits, - and _, and begin with a letter or digit',
  )
  .refine((name) => !versionLike.test(name), { error: 'must not end like a version: give the version in `version`' })
  .refine((name) => !deviceNames.test(name), { error: 'is a name that some systems reserve' });

/** Semantic version without build metadata, e.g. `1.2.0` or `2.0.0-beta.1`. @public */
export const moduleVersionSchema: z.ZodType<string, unknown> = z
  .string()
  .max(60)
  .regex(
    /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9a-z-]+(?:\.[0-9a-z-]+)*)?$/,
    'must be a semantic version such as 1.2.0',
  );

/** Id of a module version: `name-vX.Y.Z`. @public */
export const moduleIdSchema: z.ZodType<string, unknown> = z
  .string()
  .max(170)
  .regex(/^[a-z0-9][a-z0-9._-]*-v\d+\.\d+\.\d+(?:-[0-9a-z.-]+)?$/, 'must be a module id such as greeter-v1.2.0');

/** Id that a caller may choose for a deployment or a node: letters, digits, `.`, `_` and `-`, 1-100 characters. @public */
export const chosenIdSchema: z.ZodType<string, unknown> = z
  .string()
  .max(100)
  .regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?=[A-Za-z0-9]))*$/,
    'must be letters, digits, ., _ and -, and begin with a letter or digit',
  );

/** Region or zone: lower-case letters, digits and `-`, 1-60 characters. @public */
export const regionSchema: z.ZodType<string, unknown> = z
  .string()
  .max(60)
  .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, 'must be lower-case letters, digits and -');

/** Point in time as RFC 3339 UTC text. @public */
export const timestampSchema: z.ZodType<string> = z.iso.datetime();

/** Any JSON value. It was parsed from JSON, so there is nothing left to check. @public */
export const jsonSchema: z.ZodType<Json> = z.unknown() as unknown as z.ZodType<Json>;

/** Labels of a node: up to 64 short texts by name. @public */
export const labelsSchema: z.ZodType<Readonly<Record<string, string>>, unknown> = z
  .record(z.string().min(1).max(63), z.string().max(255))
  .refine((labels) => Object.keys(labels).length <= 64, { error: 'must be 64 labels at most' });
