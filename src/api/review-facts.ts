import { type Clock, fromIso } from '../base/clock.ts';
import type { Posture } from '../comply/posture.ts';
import type { LedgerClient } from '../ledger/client.ts';
import type { Collector } from '../observe/collector.ts';
import type { Fact, Measured } from '../observe/fact.ts';
import { FACT_KINDS, type FactName } from '../resources/fact-kinds.ts';

const HOUR_MS = 3_600_000;
const TIMEOUT_MS = 60_000;
/** What counts for longer by its kind (a restore, a drill) is measured when there is one, and not by a rhythm. */
const RHYTHMIC_MS = 48 * HOUR_MS;
/** So long others have their turn after each tenant. */
const REST_MS = 1;

/** What reads logs by itself and judges what it read, by the fact that it measures with it. */
const READERS: readonly { readonly key: string; readonly what: string }[] = [
  { key: 'change.unrecorded changes', what: 'the reading of the ledger for changes' },
  { key: 'card.logs.plaintext logs', what: 'the reading of the logs for card numbers' },
  { key: 'auth.secrets.readable secrets', what: 'the reading of the logs for secrets' },
];

export interface ReviewFactsOptions {
  readonly posture: Posture;
  readonly ledger: Pick<LedgerClient, 'selfCheck'>;
  readonly clock: Clock;
}

/** What is proven by what was measured: when machines read the logs last, and how old the evidence is on which tenants stand. */
export function reviewCollectors(options: ReviewFactsOptions): readonly Collector[] {
  return [
    {
      name: 'log-reviews',
      facts: ['audit.review.ageHours'],
      everyMs: 60_000,
      timeoutMs: TIMEOUT_MS,
      collect: async () => [await reviewFact(options)],
    },
    {
      name: 'evidence-ages',
      facts: ['evidence.ageHours'],
      everyMs: 900_000,
      timeoutMs: 600_000,
      collect: (signal) => evidenceFacts(options, signal),
    },
  ];
}

/**
 * The oldest of the last whole readings: of the ledger, entry by entry against its tree, of what it says of changes, and of the logs for
 * what must not be in them. Whatever they find is judged at once, and an incident when it turned.
 */
async function reviewFact({ posture, ledger, clock }: ReviewFactsOptions): Promise<Fact> {
  const now = clock.now();
  const { lastRoundAt } = await ledger.selfCheck();
  const passes = [
    {
      what: 'the reading of the ledger against its tree',
      at: lastRoundAt === undefined ? undefined : fromIso(lastRoundAt),
    },
    ...READERS.map(({ key, what }) => ({ what, at: lastValueOf(posture.fact(key)) })),
  ];
  const never = passes.find(({ at }) => at === undefined);
  const [oldest] = passes.toSorted((a, b) => (a.at ?? 0) - (b.at ?? 0));
  const measured: Measured =
    never || !oldest
      ? { kind: 'unknown', reason: `${never?.what} has not come to its end yet` }
      : { kind: 'value', value: Math.max(0, now - (oldest.at ?? 0)) / HOUR_MS, detail: `${oldest.what} is the oldest` };
  const about = { subject: 'logs', tenants: 'all' as const, measuredAt: now, collector: 'log-reviews', evidence: null };
  return { name: 'audit.review.ageHours', ...about, measured };
}

function lastValueOf(fact: Fact | undefined): number | undefined {
  return fact?.measured.kind === 'value' ? fact.measuredAt : undefined;
}

async function evidenceFacts({ posture, clock }: ReviewFactsOptions, signal: AbortSignal): Promise<readonly Fact[]> {
  const facts: Fact[] = [];
  for (const tenant of posture.tenants()) {
    const now = clock.now();
    const measured = oldestEvidence(posture, tenant, now);
    const about = { subject: tenant, tenants: [tenant], measuredAt: now, collector: 'evidence-ages', evidence: null };
    facts.push({ name: 'evidence.ageHours', ...about, measured });
    await clock.sleep(REST_MS, signal);
  }
  // Right after a start nothing is known: then there is nothing to look at yet, and it is looked again soon.
  return facts.every(({ measured }) => measured.kind === 'unknown') ? [] : facts;
}

/** Of what satisfies a check of a control now, the measurement that was made first. */
function oldestEvidence(posture: Posture, tenant: string, now: number): Measured {
  const reasons = posture
    .frameworksOf(tenant)
    .flatMap((framework) => posture.results(tenant, framework, now))
    .flatMap(({ reasons: all }) => all)
    .filter(({ fact, status }) => status === 'satisfied' && isRhythmic(fact));
  const [oldest] = reasons.toSorted((a, b) => (a.measuredAt ?? now) - (b.measuredAt ?? now));
  if (!oldest) return { kind: 'unknown', reason: 'nothing that satisfies a control was measured yet' };
  const value = Math.max(0, now - (oldest.measuredAt ?? now)) / HOUR_MS;
  return { kind: 'value', value, detail: `${oldest.fact} of ${oldest.subject} was measured longest ago` };
}

function isRhythmic(fact: FactName): boolean {
  return fact !== 'evidence.ageHours' && FACT_KINDS[fact].freshMs <= RHYTHMIC_MS;
}
