import type { IncomingMessage } from 'node:http';
import type { ErrorCode } from '../base/error-catalogue.ts';
import type { ClientAnswer } from './client-answer.ts';
import type { Instance } from './instance.ts';
import type { Trace } from './caller-mark.ts';
import type { RequestKey } from './request-key.ts';
import type { RouteEntry, TenantEntry } from './routing-table.ts';
import type { HeldAnswer } from './upstream-try.ts';

/** One request that was let in, until its answer ends. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly client: ClientAnswer;
  readonly requestId: string;
  readonly tenant: TenantEntry;
  readonly route: RouteEntry;
  /** The only regions it may go to, the preferred first. */
  readonly regions: readonly string[];
  /** Path and query for the instance. */
  readonly path: string;
  readonly headers: string[];
  readonly trace: Trace;
  /** The instance that calls, as far as it can be told; undefined for a client. */
  readonly caller: Instance | undefined;
  readonly startedMs: number;
  /** Name of the API key that it came with. */
  readonly keyName: string | undefined;
  readonly deadlineMs: number;
  /** Safe to send twice, by its method or its Idempotency-Key. */
  readonly repeatable: boolean;
  /** Came through the public door: is put on record. */
  readonly isPublic: boolean;
  /** Asked by a probe of Kintsugi's own: marked on record, and not counted. */
  readonly isCanary: boolean;
  /** Instances that were tried. */
  readonly tried: Set<Instance>;
  /** The last of them. */
  instance: Instance | undefined;
  attempts: number;
  /** Attempts that reached an instance. */
  sent: number;
  /** Bytes of its body and of the answer's, as far as they went. */
  requestBytes: number;
  responseBytes: number;
  /** Whom the answer is about, as the instance said in `x-kintsugi-subject`. */
  subjects: string | string[] | undefined;
  /** Connections that broke under it. */
  breaks: number;
  /** What says the same request again; undefined until its body was read. */
  key: RequestKey | undefined;
}

/** How an exchange ended, before its end is told to the client. */
export type Ending =
  | { readonly kind: 'answered'; readonly status: number; readonly held: HeldAnswer | undefined }
  /** Answered by the gateway itself. */
  | { readonly kind: 'failed'; readonly code: ErrorCode }
  | { readonly kind: 'cut'; readonly status: number }
  | { readonly kind: 'gone' };
