import type { InflightSample, RequestKey } from '../observe/sample.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import type { Change, Subject, Symptom } from './symptom.ts';

interface Death {
  readonly at: number;
  readonly instance: string;
  readonly version: number;
  readonly keys: readonly RequestKey[];
}

interface Watched {
  deaths: Death[];
  /** What is claimed at present. */
  claimed: Subject[];
}

/** Deaths that belong together: a poison request is sent again and again. */
const WINDOW_MS = 600_000;
/** The claim goes when nobody died of it for so long. */
const QUIET_MS = 120_000;
const DEATHS_KEPT = 20;
const KEYS_KEPT = 200;
const DEATHS_MIN = 2;
/** Deaths that a key must have been in: others may have died of something else. */
const SHARE_MIN = 0.75;
/** With so few deaths, more equal suspects than this are no finding: one waits for the next death. */
const TIES_MAX = 2;
const DEATHS_ENOUGH = 4;

/**
 * Requests that kill: what was in progress in instance after instance when it died. The narrowest key that explains the
 * deaths is accused: a fingerprint before a whole route, and never a tenant.
 */
export const poisonDetector: Detector<Record<string, Watched>> = {
  name: 'poison',
  start: () => ({}),
  step(state, sample) {
    if (sample.kind === 'probe') {
      // Probes of those who live tell the time.
      const watched = state[sample.workload];
      return watched && watched.claimed.length > 0 ? quieten(watched, sample.at) : NO_CHANGES;
    }
    if (sample.kind !== 'inflight') return NO_CHANGES;
    const watched = entryOf(state, sample.workload, () => ({ deaths: [], claimed: [] }));
    remember(watched, sample);
    return judge(watched, sample);
  },
};

function quieten(watched: Watched, at: number): readonly Change[] {
  const last = watched.deaths.at(-1)?.at ?? 0;
  if (at - last < QUIET_MS) return NO_CHANGES;
  const gone = watched.claimed;
  watched.claimed = [];
  return gone.map((subject) => ({ clear: 'poison', subject }));
}

/** Several gateways tell of one death: what they had under way adds up. */
function remember(watched: Watched, { at, instance, version, keys }: InflightSample): void {
  const known = watched.deaths.find((each) => each.instance === instance);
  const all = distinct([...(known?.keys ?? []), ...keys]).slice(0, KEYS_KEPT);
  const others = watched.deaths.filter((each) => each !== known && each.at > at - WINDOW_MS);
  watched.deaths = [...others, { at: known?.at ?? at, instance, version, keys: all }].slice(-DEATHS_KEPT);
}

function distinct(keys: readonly RequestKey[]): readonly RequestKey[] {
  return [...new Map(keys.map((key) => [nameOf(key), key])).values()];
}

interface Candidate {
  readonly tenant: string;
  readonly route: string;
  readonly fingerprint: string | null;
  readonly deaths: number;
}

function judge(watched: Watched, sample: InflightSample): readonly Change[] {
  const deaths = watched.deaths.filter(({ keys }) => keys.length > 0);
  if (deaths.length < DEATHS_MIN) return NO_CHANGES;
  const accused = narrowest(deaths);
  if (accused.length === 0) return NO_CHANGES;
  const subjects = accused.map((each) => subjectOf(each, sample));
  const gone = watched.claimed.filter((old) => subjects.every(({ name }) => name !== old.name));
  watched.claimed = subjects;
  return [
    ...gone.map((subject): Change => ({ clear: 'poison', subject })),
    ...subjects.map((subject, i): Change => ({ raise: claim(subject, accused[i]!, deaths, sample) })),
  ];
}

function narrowest(deaths: readonly Death[]): readonly Candidate[] {
  for (const keyOf of [fingerprintOf, routeOf]) {
    const found = suspects(deaths, keyOf);
    if (found.length > 0 && (found.length <= TIES_MAX || deaths.length >= DEATHS_ENOUGH))
      return found.slice(0, TIES_MAX);
    // Too many equal suspects are too few deaths to tell them apart; a wider key would tell even less.
    if (found.length > 0) return [];
  }
  return [];
}

type KeyOf = (key: RequestKey) => Omit<Candidate, 'deaths'>;

const fingerprintOf: KeyOf = ({ tenant, route, fingerprint }) => ({ tenant, route, fingerprint });
const routeOf: KeyOf = ({ tenant, route }) => ({ tenant, route, fingerprint: null });

/** The keys that were in most deaths, when that is most of the deaths. */
function suspects(deaths: readonly Death[], keyOf: KeyOf): readonly Candidate[] {
  const found = new Map<string, Candidate>();
  for (const { keys } of deaths) {
    const distinct = new Map(keys.map((each) => [nameOf(keyOf(each)), keyOf(each)]));
    for (const [name, key] of distinct) found.set(name, { ...key, deaths: (found.get(name)?.deaths ?? 0) + 1 });
  }
  const most = Math.max(...[...found.values()].map((each) => each.deaths));
  if (most < DEATHS_MIN || most < SHARE_MIN * deaths.length) return [];
  return [...found.values()].filter((each) => each.deaths === most).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

function nameOf({ tenant, route, fingerprint }: Omit<Candidate, 'deaths'>): string {
  return fingerprint === null ? `${tenant} ${route}` : `${tenant} ${route} ${fingerprint}`;
}

function subjectOf(candidate: Candidate, { workload, version }: InflightSample): Subject {
  const { tenant, route, fingerprint } = candidate;
  return { kind: 'requests', name: nameOf(candidate), tenant, route, fingerprint, workload, version };
}

function claim(subject: Subject, candidate: Candidate, deaths: readonly Death[], sample: InflightSample): Symptom {
  const of = deaths.filter(({ keys }) =>
    keys.some(
      ({ tenant, route, fingerprint }) =>
        tenant === candidate.tenant &&
        route === candidate.route &&
        (candidate.fingerprint === null || fingerprint === candidate.fingerprint),
    ),
  );
  return {
    name: 'poison',
    subject,
    since: of[0]!.at,
    at: sample.at,
    vantages: [sample.vantage],
    reason: `${of.length} instances of ${sample.workload} died with ${subject.name} in progress`,
    evidence: { deaths: of.length, allDeaths: deaths.length, instances: of.map(({ instance }) => instance) },
  };
}
