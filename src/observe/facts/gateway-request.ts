import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Redacted } from '../../base/redacted.ts';
import type { Place } from './place-collector.ts';

/** The address of a tenant at a gateway. */
export interface TenantDoor extends Place {
  /** Name of the tenant. */
  readonly subject: string;
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** By what the gateway knows whose address it is: one way is enough. */
  readonly hostName: string | undefined;
  readonly pathPrefix: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly requireKey: boolean;
}

/**
 * One request that is marked as a probe of Kintsugi's own and carries these credentials. Resolves with the status. The
 * path leads nowhere, so that a request that is let in by mistake still does nothing.
 */
export function knock(
  { scheme, host, port, hostName, pathPrefix, headers }: TenantDoor,
  canary: { readonly token: Redacted<string>; readonly requestId: string },
  credentials: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<number> {
  const options = {
    host,
    port,
    path: `${pathPrefix.replace(/\/$/, '')}/.well-known/kintsugi-canary`,
    headers: {
      ...headers,
      host: hostName ?? `${host}:${port}`,
      'x-request-id': canary.requestId,
      'x-kintsugi-canary': canary.token.reveal(),
      ...credentials,
    },
    signal,
    agent: false as const,
    // The certificate is measured elsewhere; here it is asked who is let in.
    ...(scheme === 'https' ? { rejectUnauthorized: false } : {}),
  };
  return new Promise((resolve, reject) => {
    const sent = (scheme === 'https' ? requestHttps : requestHttp)(options, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.once('error', reject);
    sent.end();
  });
}
