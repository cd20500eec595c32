import type { Random } from './random.ts';

/** What an id names. The prefix is printed with it, so that a person can tell an incident from a plan in a log line. */
export type IdKind =
  | 'inc'
  | 'pln'
  | 'rep'
  | 'evt'
  | 'req'
  | 'drl'
  | 'stp'
  | 'ins'
  | 'cmd'
  | 'era'
  | 'hld'
  | 'brc'
  | 'tok'
  | 'dty';

/** `inc_7f3k9...`: unique, sortable by nothing, safe in a path, a file name and a header. */
export function newId(kind: IdKind, random: Random): string {
  return `${kind}_${random.token(16)}`;
}
