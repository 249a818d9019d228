import { z } from 'zod';
import { prometheusError } from './error-codes.ts';

const sample = z.tuple([z.number(), z.string()]);
const answerSchema = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('success'),
    data: z.discriminatedUnion('resultType', [
      z.object({ resultType: z.literal('scalar'), result: sample }),
      z.object({ resultType: z.literal('vector'), result: z.array(z.object({ value: sample.optional() })) }),
      z.object({ resultType: z.literal('matrix'), result: z.array(z.unknown()) }),
      z.object({ resultType: z.literal('string'), result: sample }),
    ]),
  }),
  z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() }),
]);

/**
 * The one number of an answer; `null` when there is no series, or its value is NaN or infinite: a ratio of nothing by
 * nothing was not measured.
 * @throws HS_METRICS_REFUSED, HS_METRICS_AMBIGUOUS
 * @internal
 */
export function readAnswer(query: string, body: unknown): number | null {
  const read = answerSchema.safeParse(body);
  if (!read.success) throw prometheusError('HS_METRICS_REFUSED', { query, why: 'the answer is not of its query API' });
  const answer = read.data;
  if (answer.status === 'error')
    throw prometheusError('HS_METRICS_REFUSED', { query, why: answer.error.slice(0, 500) });
  const { data } = answer;
  switch (data.resultType) {
    case 'scalar':
      return finite(data.result[1]);
    case 'vector': {
      if (data.result.length > 1)
        throw prometheusError('HS_METRICS_AMBIGUOUS', { query, why: `${data.result.length} series` });
      const [only] = data.result;
      if (only !== undefined && only.value === undefined)
        throw prometheusError('HS_METRICS_AMBIGUOUS', { query, why: 'a histogram' });
      return only?.value === undefined ? null : finite(only.value[1]);
    }
    case 'matrix':
      throw prometheusError('HS_METRICS_AMBIGUOUS', { query, why: 'a range of values' });
    case 'string':
      throw prometheusError('HS_METRICS_AMBIGUOUS', { query, why: 'a text' });
  }
}

function finite(text: string): number | null {
  const value = Number(text);
  return text !== '' && Number.isFinite(value) ? value : null;
}
