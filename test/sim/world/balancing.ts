import type { Instance } from './instance.ts';

export function canServe(instance: Instance): boolean {
  return instance.ready;
}

/**
 * The better of two, by requests in progress: the slow get less, though not as much less as they are slower, because at
 * low load everybody has nothing in progress most of the time.
 */
export function weightOf({ last }: Instance): number {
  return (5 + last.latencyMs) ** -0.6;
}
