import type { JsonObject } from '../base/json.ts';
import type { ExitSample } from '../observe/sample.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { type Change, type Symptom, versionSubject } from './symptom.ts';

/** Who dies younger is in a loop, which is told apart (`crash-loop`). */
const YOUNG_MS = 30_000;
/** What dies within this time of another died of the same event. */
const SAME_EVENT_MS = 5_000;
/** A death counts half as much with every hour that passes. */
const HALF_LIFE_MS = 3_600_000;
/** Three deaths, the first of which may be an hour old. */
const DEATHS_MIN = 3;
const WEIGHT_MIN = 2.2;
const DEATHS_KEPT = 20;
const VERSIONS_KEPT = 6;
/** Ages of a quarter's difference are about equal, when the processes did not start together as well. */
const AGES_SPREAD = 0.25;
const OF_STARTS_SPREAD = 0.5;
/** Memory of a process that was about to end, against what it had a little after its start. */
const GREW_TIMES = 1.3;
const WARM_MS = 30_000;
/** It stands for a while after each death: what is not dealt with comes back with the next. */
const STAYS_MS = 30_000;

interface Death {
  readonly at: number;
  readonly livedMs: number;
  readonly grew: boolean;
}

interface Memory {
  readonly seenAt: number;
  warmBytes: number | null;
  lastBytes: number;
}

interface State {
  /** By workload and version. */
  readonly deaths: Record<string, Record<number, Death[]>>;
  readonly memory: Record<string, Memory>;
}

/**
 * Deaths of a version over hours, each long after its start, so that no single slot and no short window shows that it is
 * always the same. Says whether only this version dies while others of the workload did not, whether its processes reach
 * about the same age, since when the first of them ran, and whether their memory grew.
 */
export const mortalityDetector: Detector<State> = {
  name: 'mortality',
  start: () => ({ deaths: {}, memory: {} }),
  step(state, sample) {
    if (sample.kind === 'memory') {
      const memory = entryOf(state.memory, sample.instance, (): Memory => {
        return { seenAt: sample.at, warmBytes: null, lastBytes: sample.residentBytes };
      });
      if (sample.at - memory.seenAt >= WARM_MS) memory.warmBytes ??= sample.residentBytes;
      memory.lastBytes = sample.residentBytes;
      return NO_CHANGES;
    }
    if (sample.kind !== 'exit' && sample.kind !== 'retired') return NO_CHANGES;
    const memory = state.memory[sample.instance];
    delete state.memory[sample.instance];
    if (sample.kind === 'retired' || sample.expected || sample.livedMs < YOUNG_MS) return NO_CHANGES;
    return addDeath(state, sample, memory);
  },
};

function addDeath(state: State, sample: ExitSample, memory: Memory | undefined): readonly Change[] {
  const { at, livedMs, workload, version } = sample;
  const versions = entryOf(state.deaths, workload, (): Record<number, Death[]> => ({}));
  const grew = memory?.warmBytes != null && memory.lastBytes >= GREW_TIMES * memory.warmBytes;
  const known = entryOf(versions, version, (): Death[] => []);
  known.push({ at, livedMs, grew });
  if (known.length > DEATHS_KEPT) known.shift();
  const numbers = Object.keys(versions).map(Number);
  if (numbers.length > VERSIONS_KEPT) delete versions[Math.min(...numbers)];
  const events = eventsOf(known);
  if (events.length < DEATHS_MIN || weightOf(events, at) < WEIGHT_MIN) return NO_CHANGES;
  const others = Object.entries(versions).filter(([other]) => Number(other) !== version);
  const isAlone = others.every(([, deaths]) => weightOf(deaths, at) < 0.5);
  return [{ raise: claim(sample, known, isAlone) }];
}

/** What dies at one moment dies of one thing: only the first of them counts. */
function eventsOf(deaths: readonly Death[]): readonly Death[] {
  return deaths.filter(({ at }, index) => index === 0 || at - deaths[index - 1]!.at > SAME_EVENT_MS);
}

function weightOf(deaths: readonly Death[], now: number): number {
  return deaths.reduce((sum, { at }) => sum + 0.5 ** (Math.max(0, now - at) / HALF_LIFE_MS), 0);
}

/** Equal by itself: what started together and died of one event is also of one age. */
function areOfOneAge(deaths: readonly Death[]): boolean {
  const ages = spreadOf(deaths.map(({ livedMs }) => livedMs));
  const starts = spreadOf(deaths.map(({ at, livedMs }) => at - livedMs));
  return ages <= AGES_SPREAD * Math.max(...deaths.map(({ livedMs }) => livedMs)) && ages <= OF_STARTS_SPREAD * starts;
}

function spreadOf(values: readonly number[]): number {
  return Math.max(...values) - Math.min(...values);
}

function claim({ at, vantage, workload, version }: ExitSample, deaths: readonly Death[], isAlone: boolean): Symptom {
  const subject = versionSubject(workload, version);
  const grew = deaths.filter((each) => each.grew).length * 2 > deaths.length;
  const isOfOneAge = areOfOneAge(deaths);
  const minutes = Math.round(Math.max(...deaths.map(({ livedMs }) => livedMs)) / 60_000);
  const how = `${isOfOneAge ? `, each after about ${minutes} min` : ''}${grew ? ', with ever more memory' : ''}`;
  const evidence: JsonObject = {
    deaths: deaths.length,
    onlyThisVersion: isAlone,
    ofOneAge: isOfOneAge,
    memoryGrew: grew,
    firstStartedAt: Math.min(...deaths.map((each) => each.at - each.livedMs)),
  };
  const reason = `${deaths.length} processes of ${subject.name} have died${how}${isAlone ? ', and none of another version' : ''}`;
  const common = { name: 'deaths-recurring' as const, subject, at, vantages: [vantage], staysMs: STAYS_MS };
  return { ...common, since: deaths[0]!.at, reason, evidence };
}
