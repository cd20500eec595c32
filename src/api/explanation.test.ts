import { expect, test } from 'vitest';
import { emptyAccount } from '../detect/account.ts';
import { seriesLike } from './explanation.ts';

const DAY_MS = 86_400_000;
const NOW = 1_000 * DAY_MS;

function running(name: string, days: number) {
  const atMs = NOW + days * DAY_MS;
  const outlook = { kind: 'exhausts', atMs, earliestMs: atMs, latestMs: atMs, limit: 1, perHour: 1 } as const;
  return { ...emptyAccount({ kind: 'asset', name }, 'ahead', 'MiB'), outlook };
}

test('what runs out in years is told to who asks for it, and to nobody else', () => {
  const accounts = [running('disk', 10), running('transactions', 2_000)];
  expect(seriesLike(accounts, undefined, NOW).map(({ subject }) => subject.name)).toEqual(['disk']);
  expect(seriesLike(accounts, 'transactions', NOW)).toHaveLength(1);
});
