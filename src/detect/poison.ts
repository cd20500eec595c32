import type { DetectionNumbers } from '../resources/detection-number.ts';
import type { InflightSample, RequestKey, Sample } from '../observe/sample.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import type { Change, Subject, Symptom } from './symptom.ts';

interface Death {
  readonly at: number;
  readonly instance: string;
  /** Ended from outside: what it was doing matters less. */
  readonly killed: boolean;
  readonly keys: readonly RequestKey[];
}

interface Watched {
  deaths: Death[];
  /** What is claimed at present. */
  claimed: Subject[];
  /** Requests by tenant, of which the older count less: whoever sends much is in progress often. */
  readonly sent: Record<string, number>;
  all: number;
}

/** Deaths that belong together: a poison request is sent again and again. */
const WINDOW_MS = 600_000;
/** The claim goes when nobody died of it for so long. */
const QUIET_MS = 120_000;
const DEATHS_KEPT = 20;
const KEYS_KEPT = 200;
/** Deaths that a key must have been in: others may have died of something else. */
const SHARE_MIN = 0.75;
/** With so few deaths, more equal suspects than this are no finding: one waits for the next death. */
const TIES_MAX = 2;
const DEATHS_ENOUGH = 4;
/** A route is accused only when it would be in so many deaths by chance this seldom. */
const CHANCE_MAX = 0.01;
/** Many requests of one route are in progress everywhere: deaths one after the other tell more than many at once. */
const ROUTE_DEATHS_MIN = 3;
const APART_MS = 1_000;
const SENT_MAX = 100_000;

/**
 * Requests that kill: what was in progress in instance after instance when it died. The narrowest key that explains the
 * deaths is accused: a fingerprint before a whole route, and never a tenant. A route that is nearly always in progress
 * explains nothing by being there.
 */
export function poisonDetector(numbers: () => DetectionNumbers): Detector<Record<string, Watched>> {
  return {
    name: 'poison',
    start: () => ({}),
    step(state, sample) {
      switch (sample.kind) {
        case 'requests':
          return countSent(entryOf(state, sample.workload, start), sample.tenant, sample.ok + sample.failed);
        case 'probe': {
          // Probes of those who live tell the time.
          const watched = state[sample.workload];
          return watched && watched.claimed.length > 0 ? quieten(watched, sample.at) : NO_CHANGES;
        }
        case 'exit':
          if (!sample.expected) remember(entryOf(state, sample.workload, start), sample, []);
          return NO_CHANGES;
        case 'inflight': {
          const watched = entryOf(state, sample.workload, start);
          remember(watched, sample, sample.keys);
          return judge(watched, sample, numbers());
        }
        default:
          return NO_CHANGES;
      }
    },
  };
}

function start(): Watched {
  return { deaths: [], claimed: [], sent: {}, all: 0 };
}

function countSent(watched: Watched, tenant: string, count: number): readonly Change[] {
  watched.sent[tenant] = (watched.sent[tenant] ?? 0) + count;
  watched.all += count;
  if (watched.all < SENT_MAX) return NO_CHANGES;
  watched.all /= 2;
  for (const name in watched.sent) watched.sent[name]! /= 2;
  return NO_CHANGES;
}

function quieten(watched: Watched, at: number): readonly Change[] {
  const last = watched.deaths.at(-1)?.at ?? 0;
  if (at - last < QUIET_MS) return NO_CHANGES;
  const gone = watched.claimed;
  watched.claimed = [];
  return gone.map((subject) => ({ clear: 'poison', subject }));
}

/** Several gateways tell of one death, and the keeper does: what was under way adds up. */
function remember(
  watched: Watched,
  sample: Extract<Sample, { kind: 'exit' | 'inflight' }>,
  keys: readonly RequestKey[],
) {
  const { at, instance } = sample;
  const known = watched.deaths.find((each) => each.instance === instance);
  const all = distinct([...(known?.keys ?? []), ...keys]).slice(0, KEYS_KEPT);
  const killed = sample.kind === 'exit' ? sample.signal === 'SIGKILL' || sample.signal === 'SIGTERM' : known?.killed;
  const others = watched.deaths.filter((each) => each !== known && each.at > at - WINDOW_MS);
  const death = { at: known?.at ?? at, instance, killed: killed ?? false, keys: all };
  watched.deaths = [...others, death].slice(-DEATHS_KEPT);
}

function distinct(keys: readonly RequestKey[]): readonly RequestKey[] {
  return [...new Map(keys.map((key) => [nameOf(key), key])).values()];
}

interface Candidate {
  readonly tenant: string;
  readonly route: string;
  readonly fingerprint: string | null;
  readonly in: readonly Death[];
}

function judge(watched: Watched, sample: InflightSample, numbers: DetectionNumbers): readonly Change[] {
  const accused = narrowest(watched, numbers);
  if (accused.length === 0) return NO_CHANGES;
  const subjects = accused.map((each) => subjectOf(each, sample));
  const gone = watched.claimed.filter((old) => subjects.every(({ name }) => name !== old.name));
  watched.claimed = subjects;
  return [
    ...gone.map((subject): Change => ({ clear: 'poison', subject })),
    ...subjects.map((subject, i): Change => ({ raise: claim(subject, accused[i]!, watched.deaths, sample) })),
  ];
}

function narrowest(watched: Watched, numbers: DetectionNumbers): readonly Candidate[] {
  const { deaths } = watched;
  const prints = mostSeen(deaths, numbers, (key) => ({ ...key }));
  if (prints.length > 0)
    return prints.length <= TIES_MAX || deaths.length >= DEATHS_ENOUGH ? prints.slice(0, TIES_MAX) : [];
  const routes = mostSeen(apart(deaths), numbers, ({ tenant, route }) => ({ tenant, route, fingerprint: null }));
  return routes
    .filter((each) => each.in.length >= ROUTE_DEATHS_MIN && chanceOf(each, watched) * routes.length < CHANCE_MAX)
    .slice(0, 1);
}

/** Who dies at once dies of one thing, and of what all of them have in common: it counts as one death. */
function apart(deaths: readonly Death[]): readonly Death[] {
  return deaths.filter((each, i) => i === 0 || each.at - deaths[i - 1]!.at >= APART_MS);
}

/** The keys that were in most deaths, when that is most of the deaths. */
function mostSeen(
  deaths: readonly Death[],
  numbers: DetectionNumbers,
  keyOf: (key: RequestKey) => Omit<Candidate, 'in'>,
): readonly Candidate[] {
  const found = new Map<string, Candidate>();
  for (const death of deaths) {
    const keys = new Map(death.keys.map((each) => [nameOf(keyOf(each)), keyOf(each)]));
    for (const [name, key] of keys) found.set(name, { ...key, in: [...(found.get(name)?.in ?? []), death] });
  }
  const most = Math.max(0, ...[...found.values()].map((each) => each.in.length));
  return [...found.values()]
    .filter((each) => each.in.length === most && isEnough(each.in, deaths, numbers))
    .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

function isEnough(own: readonly Death[], all: readonly Death[], numbers: DetectionNumbers): boolean {
  const least = numbers[own.some(({ killed }) => killed) ? 'poison.killedMin' : 'poison.deathsMin'];
  return own.length >= least && own.length >= SHARE_MIN * all.length;
}

/** How likely it is that something of this tenant was in progress at each of these deaths without having to do with it. */
function chanceOf(candidate: Candidate, { sent, all }: Watched): number {
  const share = all === 0 ? 1 : (sent[candidate.tenant] ?? 0) / all;
  return candidate.in.reduce((chance, { keys }) => chance * (1 - (1 - share) ** keys.length), 1);
}

function nameOf({ tenant, route, fingerprint }: Omit<Candidate, 'in'>): string {
  return fingerprint === null ? `${tenant} ${route}` : `${tenant} ${route} ${fingerprint}`;
}

function subjectOf(candidate: Candidate, { workload, version }: InflightSample): Subject {
  const { tenant, route, fingerprint } = candidate;
  return { kind: 'requests', name: nameOf(candidate), tenant, route, fingerprint, workload, version };
}

function claim(subject: Subject, { in: of }: Candidate, deaths: readonly Death[], sample: InflightSample): Symptom {
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
