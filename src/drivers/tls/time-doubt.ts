/** From when until when something is valid, in ms since 1970. */
export interface Validity {
  readonly startsAt: number;
  readonly endsAt: number;
}

/** What there is to tell the time by. */
export interface TimeWitnesses {
  readonly now: number;
  /** By the clock of the database at the same moment. */
  readonly databaseNow: number;
  /** The certificate that is to be renewed, if one is shown. */
  readonly own: Validity | undefined;
  /** What other listeners show. */
  readonly others: readonly Validity[];
}

/** Two clocks that differ by less do not make a certificate wrong. */
const CLOCKS_MS = 60_000;
/** Ends that lie nearer to each other were issued together, and are one witness. */
const APART_MS = 3_600_000;

/**
 * Why it is doubtful what time it is, or undefined. A certificate that is issued under a wrong clock is refused by all
 * whose clocks are right, and one that looks expired under it is not. Pure.
 */
export function timeDoubt({ now, databaseNow, own, others }: TimeWitnesses): string | undefined {
  const offMs = now - databaseNow;
  if (Math.abs(offMs) > CLOCKS_MS) {
    const way = offMs > 0 ? 'ahead of' : 'behind';
    return `our clock is ${Math.round(Math.abs(offMs) / 1_000)} s ${way} that of the database`;
  }
  const early = [...(own ? [own] : []), ...others].filter(({ startsAt }) => startsAt > now + CLOCKS_MS).length;
  if (early > 0) return `${early} of the certificates that are shown are not valid yet: our clock may be behind`;
  const ended = others.filter(({ endsAt }) => endsAt < now).map(({ endsAt }) => endsAt);
  const isAll = ended.length > 0 && ended.length === others.length;
  const isApart = Math.max(...ended) - Math.min(...ended) > APART_MS;
  if (isAll && isApart) return `all ${ended.length} other certificates have expired: our clock may be ahead`;
  return undefined;
}
