import type { FastifyError } from 'fastify';

/** A refusal or failure that the caller is told about, as RFC 9457 `application/problem+json`. */
export class Problem extends Error {
  readonly status: number;
  readonly title: string;

  constructor(status: number, title: string, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.status = status;
    this.title = title;
  }
}

export interface ProblemDocument {
  readonly type: 'about:blank';
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly requestId: string;
}

/**
 * What the client may know of an error. Of errors nobody foresaw it learns nothing but the request's id: messages of the
 * database and of Node can hold values.
 */
export function problemDocument(error: FastifyError | Problem, requestId: string): ProblemDocument {
  const about = { type: 'about:blank', requestId } as const;
  if (error instanceof Problem) return { ...about, status: error.status, title: error.title, detail: error.message };
  const status = error.statusCode ?? 500;
  if (status < 500) return { ...about, status, title: 'The request is not valid', detail: error.message };
  return {
    ...about,
    status: 500,
    title: 'The service failed',
    detail: 'The failure is in the log under this request id.',
  };
}
