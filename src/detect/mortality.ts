import type { JsonObject } from '../base/json.ts';
import type { ExitSample } from '../observe/sample.ts';
import type { DetectionNumbers } from '../resources/detection-number.ts';
import { type Detector, NO_CHANGES } from './detector.ts';
import { entryOf } from './entry.ts';
import { type Change, type Symptom, versionSubject } from './symptom.ts';

/** What dies within this time of another died of the same event. */
const SAME_EVENT_MS = 5_000;
const DEATHS_KEPT = 20;
const VERSIONS_KEPT = 6;
/** Ages are about equal only when the processes did not start together as well. */
const OF_STARTS_SPREAD = 0.5;
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
export function mortalityDetector(numbers: () => DetectionNumbers): Detector<State> {
  return {
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
      if (sample.kind === 'retired' || sample.expected || sample.livedMs < numbers()['mortality.youngMs'])
        return NO_CHANGES;
      return addDeath(state, sample, memory, numbers());
    },
  };
}

function addDeath(
  state: State,
  sample: ExitSample,
  memory: Memory | undefined,
  numbers: DetectionNumbers,
): readonly Change[] {
  const { at, livedMs, workload, version } = sample;
  const versions = entryOf(state.deaths, workload, (): Record<number, Death[]> => ({}));
  const grew = memory?.warmBytes != null && memory.lastBytes >= numbers['mortality.grewTimes'] * memory.warmBytes;
  const known = entryOf(versions, version, (): Death[] => []);
  known.push({ at, livedMs, grew });
  if (known.length > DEATHS_KEPT) known.shift();
  const seen = Object.keys(versions).map(Number);
  if (seen.length > VERSIONS_KEPT) delete versions[Math.min(...seen)];
  const halfLifeMs = numbers['mortality.halfLifeMs'];
  const events = eventsOf(known);
  if (
    events.length < numbers['mortality.deathsMin'] ||
    weightOf(events, at, halfLifeMs) < numbers['mortality.weightMin']
  )
    return NO_CHANGES;
  const others = Object.entries(versions).filter(([other]) => Number(other) !== version);
  const isAlone = others.every(([, deaths]) => weightOf(deaths, at, halfLifeMs) < 0.5);
  return [{ raise: claim(sample, known, isAlone, numbers['mortality.agesSpread']) }];
}

/** What dies at one moment dies of one thing: only the first of them counts. */
function eventsOf(deaths: readonly Death[]): readonly Death[] {
  return deaths.filter(({ at }, index) => index === 0 || at - deaths[index - 1]!.at > SAME_EVENT_MS);
}

function weightOf(deaths: readonly Death[], now: number, halfLifeMs: number): number {
  return deaths.reduce((sum, { at }) => sum + 0.5 ** (Math.max(0, now - at) / halfLifeMs), 0);
}

/** Equal by itself: what started together and died of one event is also of one age. */
function areOfOneAge(deaths: readonly Death[], agesSpread: number): boolean {
  const ages = spreadOf(deaths.map(({ livedMs }) => livedMs));
  const starts = spreadOf(deaths.map(({ at, livedMs }) => at - livedMs));
  return ages <= agesSpread * Math.max(...deaths.map(({ livedMs }) => livedMs)) && ages <= OF_STARTS_SPREAD * starts;
}

function spreadOf(values: readonly number[]): number {
  return Math.max(...values) - Math.min(...values);
}

function claim(
  { at, vantage, workload, version }: ExitSample,
  deaths: readonly Death[],
  isAlone: boolean,
  agesSpread: number,
): Symptom {
  const subject = versionSubject(workload, version);
  const grew = deaths.filter((each) => each.grew).length * 2 > deaths.length;
  const isOfOneAge = areOfOneAge(deaths, agesSpread);
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
