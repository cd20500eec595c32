/** A broken invariant. It is a bug in Kintsugi, never bad input and never a fault of the world. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/**
 * States what must be true for the next line to make sense. On in production: stopping beats healing wrongly.
 * Callers that own a repair catch it at their boundary, stop that repair and refuse further healing of its subject.
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
