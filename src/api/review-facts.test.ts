import { expect, test } from 'vitest';
import { systemClock, toIso } from '../base/clock.ts';
import { Posture } from '../comply/posture.ts';
import type { SelfCheckState } from '../ledger/self-check.ts';
import type { Fact, FactValue } from '../observe/fact.ts';
import { builtinProfiles } from '../resources/builtin-profiles.ts';
import type { FactName } from '../resources/fact-kinds.ts';
import { compileProfile } from '../resources/profile.ts';
import { reviewCollectors } from './review-facts.ts';

const HOUR_MS = 3_600_000;
const NOW = 1_800_000_000_000;
const clock = { ...systemClock, now: () => NOW };
const signal = new AbortController().signal;

/** A posture of one tenant under the GDPR that knows these facts, measured so many hours ago. */
function postureOf(...facts: readonly (readonly [FactName, string, FactValue | undefined, number])[]): Posture {
  const posture = new Posture();
  const gdpr = builtinProfiles().find(({ metadata }) => metadata.name === 'gdpr');
  const terms = { name: 'clinic', regions: ['eu'], processors: [], dataClasses: ['personal'], availability: 0.99 };
  const obliged = { terms, frameworks: ['gdpr'], contract: {} };
  posture.declare({ tenants: [obliged], frameworks: [compileProfile(gdpr!)], deviations: [] }, NOW);
  for (const [name, subject, value, hoursAgo] of facts) {
    const measured =
      value === undefined ? ({ kind: 'unknown', reason: 'x' } as const) : { kind: 'value' as const, value };
    const about = { tenants: 'all' as const, collector: name, evidence: null, measuredAt: NOW - hoursAgo * HOUR_MS };
    posture.report(name, [{ name, subject, measured, ...about } satisfies Fact], NOW);
  }
  return posture;
}

async function measured(posture: Posture, name: FactName, lastRoundAt: string | undefined = toIso(NOW)) {
  const state = { checked: 1, size: 1, coverage: 1, rounds: 1, ...(lastRoundAt ? { lastRoundAt } : {}) };
  const ledger = { selfCheck: async (): Promise<SelfCheckState> => state };
  const all = await Promise.all(reviewCollectors({ posture, ledger, clock }).map((each) => each.collect(signal)));
  return all.flat().find((fact) => fact.name === name)?.measured;
}

const READ = [
  ['change.unrecorded', 'changes', 0, 1],
  ['card.logs.plaintext', 'logs', 0, 2],
  ['auth.secrets.readable', 'secrets', 0, 3],
] as const;

test('logs were reviewed as long ago as what was read longest ago', async () => {
  expect(await measured(postureOf(...READ), 'audit.review.ageHours')).toEqual({
    kind: 'value',
    value: 3,
    detail: 'the reading of the logs for secrets is the oldest',
  });
  const hours = await measured(postureOf(...READ), 'audit.review.ageHours', toIso(NOW - 30 * HOUR_MS));
  expect(hours).toMatchObject({ value: 30, detail: 'the reading of the ledger against its tree is the oldest' });
});

test('what was never read to its end, or failed, is no review', async () => {
  const [changes, , secrets] = READ;
  expect(
    await measured(postureOf(changes, ['card.logs.plaintext', 'logs', undefined, 0], secrets), 'audit.review.ageHours'),
  ).toEqual({
    kind: 'unknown',
    reason: 'the reading of the logs for card numbers has not come to its end yet',
  });
  expect(await measured(postureOf(...READ), 'audit.review.ageHours', '')).toMatchObject({ kind: 'unknown' });
});

test('the oldest evidence counts that satisfies a control by a rhythm; a restore of last week does not, and nothing that is bad', async () => {
  const posture = postureOf(
    ['audit.chain.valid', 'ledger', true, 0.5],
    ['residency.stores', 'clinic', ['eu'], 0.75],
    ['backup.restore.equal', 'postgresql/records/eu', true, 100],
    ['rls.enabled', 'postgresql/records/eu', false, 0.01],
    ['residency.backups', 'clinic', ['us'], 20],
  );
  expect(await measured(posture, 'evidence.ageHours')).toEqual({
    kind: 'value',
    value: 0.75,
    detail: 'residency.stores of clinic was measured longest ago',
  });
});

test('where nothing satisfies a control there is no evidence to look at yet', async () => {
  expect(await measured(postureOf(), 'evidence.ageHours')).toBeUndefined();
});
