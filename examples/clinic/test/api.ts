import type { Service } from './clinic-bench.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** One request as the gateway would pass it on for `tenant`. */
export async function call(
  service: Service,
  tenant: string | undefined,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${service.url}${path}`, {
    method,
    headers: {
      ...(tenant === undefined ? {} : { 'x-kintsugi-tenant': tenant }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const parsed = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  return { status: response.status, headers: response.headers, body: parsed };
}

export const note = { patientRef: 'p-1', kind: 'note', body: { text: 'first' } };
export const invoice = { patientRef: 'p-1', kind: 'invoice', body: { text: 'consultation' } };
