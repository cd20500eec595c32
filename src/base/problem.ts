import { KinError } from './errors.ts';

/** RFC 9457 problem details of any error. What is not in the catalogue is not explained to the outside. */
export function toProblem(error: unknown): { status: number; body: Record<string, unknown> } {
  if (!(error instanceof KinError)) {
    return { status: 500, body: { type: 'about:blank', title: 'internal error', status: 500 } };
  }
  const { title, remedy, status } = error.entry;
  return {
    status,
    body: {
      type: `https://kintsugi.dev/errors#${error.code}`,
      title,
      status,
      code: error.code,
      detail: error.message,
      remedy,
      ...(Object.keys(error.details).length > 0 ? { details: error.details } : {}),
    },
  };
}
