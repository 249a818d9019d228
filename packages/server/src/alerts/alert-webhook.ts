import { createHmac } from 'node:crypto';
import { serverError } from '../error-codes.ts';
import type { Alert } from './alert.ts';

const timeoutMs = 5_000;

/** Where alerts are sent, and what they are signed with. @internal */
export interface AlertWebhookOptions {
  readonly url: string;
  /** Absent: they are not signed. */
  readonly secret?: string;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Default: the platform's. */
  readonly fetch?: typeof fetch;
}

/** Sends alerts as JSON to one address. @internal */
export class AlertWebhook {
  readonly #options: AlertWebhookOptions;

  constructor(options: AlertWebhookOptions) {
    this.#options = options;
  }

  /** Resolves when the receiver has answered with 2xx. @throws HS_ALERT_NOT_DELIVERED */
  async send(alert: Alert): Promise<void> {
    const { url, secret, now, fetch: send = fetch } = this.#options;
    const body = JSON.stringify(alert);
    let status: number;
    try {
      const response = await send(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'hotswap',
          'x-hotswap-alert': alert.alertId,
          ...(secret === undefined
            ? {}
            : { 'x-hotswap-signature': signAlert(body, secret, Math.floor(now() / 1_000)) }),
        },
        body,
        // A receiver that moved is a matter for the configuration: secrets must not follow a redirect.
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
      });
      ({ status } = response);
      await response.body?.cancel();
    } catch (error) {
      throw serverError('HS_ALERT_NOT_DELIVERED', { alertId: alert.alertId, why: reasonOf(error) }, error);
    }
    if (status < 200 || status >= 300)
      throw serverError('HS_ALERT_NOT_DELIVERED', { alertId: alert.alertId, why: `it answered ${status}` });
  }
}

/** `t=<seconds>,v1=<HMAC-SHA256 of "<seconds>.<body>" in hex>`: a receiver refuses what is old or was changed. @internal */
export function signAlert(body: string, secret: string, seconds: number): string {
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}

function reasonOf(error: unknown): string {
  if ((error as Error).name === 'TimeoutError') return `no answer within ${timeoutMs / 1_000} seconds`;
  const { cause } = error as { readonly cause?: { readonly code?: string } };
  return cause?.code ?? 'it could not be reached';
}
