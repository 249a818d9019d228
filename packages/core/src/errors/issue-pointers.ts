import type { z } from 'zod';

/** What a schema found wrong, each with a JSON pointer (RFC 6901) to the value; an unknown key is pointed at itself. @internal */
export function issuePointers(error: z.ZodError): { readonly pointer: string; readonly detail: string }[] {
  return error.issues.map((issue) => {
    const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : issue.path;
    return {
      pointer: path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
      detail: issue.message,
    };
  });
}
