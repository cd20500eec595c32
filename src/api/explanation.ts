import { fromIso, toIso } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import type { Account } from '../detect/account.ts';
import type { Ranking } from '../diagnose/diagnosis.ts';
import type { Incident } from '../heal/memory.ts';
import { incidentSummary } from './views.ts';

/** What one answer shows at most. */
const SERIES_MAX = 24;
const LIKE_MAX = 60;
/** What was unusual longer ago is history. */
const JUST_MS = 120_000;
/** What runs out later is asked for by its name. */
const SOON_MS = 30 * 86_400_000;

/** Why an incident was opened: its evidence with all facts, who else it may be, and the series of what it is about. */
export function explanationOf(incident: Incident, accounts: readonly Account[], now: Ranking | undefined) {
  const { diagnosis, detectedAt } = incident.body;
  const evidence = diagnosis.evidence.map(({ name, subject, reason, vantages, since, at, evidence: facts }) => ({
    name,
    subject: `${subject.kind} ${subject.name}`,
    reason,
    vantages,
    since: toIso(since),
    at: toIso(at),
    facts,
  }));
  const suspects = diagnosis.suspects.map(({ cause, subject, score, why }) => ({
    cause,
    subject: `${subject.kind} ${subject.name}`,
    score,
    why,
  }));
  const names = new Set([
    diagnosis.subject.name,
    diagnosis.workload,
    ...diagnosis.evidence.map((each) => each.subject.name),
  ]);
  const from = fromIso(detectedAt) - JUST_MS;
  const about = accounts.filter(({ subject }) => names.has(subject.name));
  return {
    incident: incidentSummary(incident),
    evidence,
    explains: diagnosis.explains.length,
    suspects,
    // As long as it is open the present says more than its beginning.
    ranking: (incident.state === 'open' ? now : undefined) ?? diagnosis.ranking ?? null,
    series: bySurprise(about, from).slice(0, SERIES_MAX),
  };
}

/** Series with all of these words in their names; when there are none, what is out of the usual or runs out within a month. */
export function seriesLike(accounts: readonly Account[], words: string | undefined, now: number): readonly Account[] {
  if (words === undefined || words.trim() === '') {
    return bySurprise(
      accounts.filter((account) => isOdd(account, now)),
      now - JUST_MS,
    ).slice(0, LIKE_MAX);
  }
  const asked = words.toLowerCase().split(/\s+/).filter(Boolean);
  const found = accounts.filter(({ series }) => asked.every((word) => series.toLowerCase().includes(word)));
  if (found.length === 0)
    throw new KinError('resource.unknown', `no series is called ${words}`, { details: { series: words } });
  return bySurprise(found, now - JUST_MS).slice(0, LIKE_MAX);
}

function isOdd({ unusual, outlook, budgets }: Account, now: number): boolean {
  if (unusual !== null && now - unusual.at <= JUST_MS) return true;
  if (outlook?.kind === 'gone' || (outlook?.kind === 'exhausts' && outlook.earliestMs - now <= SOON_MS)) return true;
  return budgets.some(({ left, burns }) => (left ?? 1) <= 0 || burns.some(({ state }) => state === 'burning'));
}

/** What was unusual since then comes first, the rarest of it before all; then in the order of the names. */
function bySurprise(accounts: readonly Account[], from: number): readonly Account[] {
  const weight = ({ unusual, outlook, budgets }: Account) =>
    (outlook?.kind === 'exhausts' ? 1_000 : 0) +
    (budgets.some(({ burns }) => burns.some(({ state }) => state === 'burning')) ? 500 : 0) +
    (unusual !== null && unusual.at >= from ? unusual.severity : 0);
  return accounts.toSorted((a, b) => weight(b) - weight(a) || a.series.localeCompare(b.series));
}
