import type { CatalogueEntry } from './catalogue-entry.ts';
import { CATALOGUE, type ErrorCode } from './error-catalogue.ts';

/** Details are for machines: ids, numbers and paths; never a tenant's data. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

/**
 * An operational fault with a code of the catalogue. The message says what failed, then on what, in lower case.
 * Expected outcomes (a verdict, a refusal, an outcome) are values and never thrown; broken invariants are assertions.
 */
export class KinError extends Error {
  override readonly name = 'KinError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }
  get entry(): CatalogueEntry {
    return CATALOGUE[this.code];
  }
}

/** Whether `error` is the fault `code`. */
export function isFault(error: unknown, code: ErrorCode): boolean {
  return error instanceof KinError && error.code === code;
}

/** The chain of messages, outermost first: `cannot apply: postgres does not answer: connect ENOENT`. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (let current: unknown = error; current !== undefined && parts.length < 8; ) {
    if (!(current instanceof Error)) {
      parts.push(String(current));
      break;
    }
    if (current.message && !parts.includes(current.message)) parts.push(current.message);
    current = current.cause;
  }
  return parts.join(': ');
}
