import type { Threshold } from './threshold.ts';

/** Numbers that detection goes by and a `Policy` may set: `DETECTOR.NAME` (docs/detection.md). */
export const DETECTION_NUMBERS = {
  'series.sensitivityNovel': {
    default: 1,
    min: 0,
    max: 20,
    what: 'how easily a value that was never seen before is called unusual; 0 is never',
    source: 'docs/detection.md, sensitivity',
  },
  'series.sensitivityLocal': {
    default: 1,
    min: 0,
    max: 20,
    what: 'how easily a value that stands out from the last minutes is called unusual; 0 is never',
    source: 'docs/detection.md, sensitivity',
  },
  'series.perOwnerMax': {
    default: 200,
    min: 1,
    max: 100_000,
    what: 'series of one tenant, workload, instance or thing; more are not watched, and that is told',
    source: 'Prometheus label_limit and sample_limit, which drop the whole target instead',
  },
  'series.max': {
    default: 10_000,
    min: 10,
    max: 1_000_000,
    what: 'series in all, at about 14 KiB each',
    source: '140 MiB',
  },
  'leak.growthMin': {
    default: 96,
    min: 1,
    max: 1_000_000,
    what: 'MiB of growth below which nothing is called a leak: starts and first garbage collections look like one',
    source: 'starts of Node and Java services',
  },
  'leak.leadMs': {
    default: 1_800_000,
    min: 10_000,
    max: 604_800_000,
    what: 'how long before the limit is reached a leak is dealt with; before that it is only shown',
    source: 'long enough for a canary and a person, short enough not to act on a bend',
  },
  'leak.foresight': {
    default: 2,
    min: 0.1,
    max: 10,
    what: 'how many times as long as a leak was seen to grow its end may be ahead to be acted on',
    source: 'caches that fill and days that begin look like leaks for a while',
  },
  'leak.unlimitedMs': {
    default: 120_000,
    min: 10_000,
    max: 86_400_000,
    what: 'how long memory without a limit must grow: nothing is urgent where nothing ends',
    source: 'starts of Node and Java services',
  },
  'leak.urgentMs': {
    default: 300_000,
    min: 10_000,
    max: 86_400_000,
    what: 'how near its end a leak is dealt with although its kind has been at that level before',
    source: 'time to replace all instances one by one',
  },
  'exhaustion.shareMin': {
    default: 0.5,
    min: 0.01,
    max: 1,
    what: 'share of its limit below which no level is near its end, however it grows',
    source: 'what is half empty leaves time to look again',
  },
  'exhaustion.leadMs': {
    default: 3_600_000,
    min: 10_000,
    max: 2_592_000_000,
    what: 'how long before its limit a level (descriptors, disk, connections) is dealt with',
    source: 'an hour is enough for a person to come',
  },
  'exhaustion.foresight': {
    default: 2,
    min: 0.1,
    max: 10,
    what: 'how many times as long as a level was seen its end may be ahead to be acted on',
    source: 'as leak.foresight',
  },
  'load.headroom': {
    default: 1.2,
    min: 1,
    max: 10,
    what: 'how many times what its instances have served the load that is coming must be to add some',
    source: 'a fifth more than ever is more than chance',
  },
  'load.leadMs': {
    default: 7_200_000,
    min: 600_000,
    max: 86_400_000,
    what: 'how far ahead load is prepared for',
    source: 'forecasts of the next hours are the best ones',
  },
  'sibling.failedShareMin': {
    default: 0.2,
    min: 0.01,
    max: 1,
    what: 'share of the requests to an instance that must fail to be compared with its siblings',
    source: 'fewer failures of one of many are a matter of the workload',
  },
  'sibling.timesWorse': {
    default: 3,
    min: 1.1,
    max: 100,
    what: 'how many times the failures of its siblings an instance must have',
    source: 'docs/diagnosis.md, sequential test, on top of which it is asked',
  },
  'sibling.timesSlower': {
    default: 4,
    min: 1.1,
    max: 100,
    what: 'how many times the median of its siblings an instance must take',
    source: 'hosts and neighbours make twice as slow',
  },
  'sibling.slowerMinMs': {
    default: 150,
    min: 1,
    max: 600_000,
    what: 'milliseconds by which an instance must be slower than its siblings',
    source: 'less is hardly felt',
  },
  'sibling.warmMs': {
    default: 20_000,
    min: 0,
    max: 3_600_000,
    what: 'how long after its first request an instance may be slow',
    source: 'caches, compilers and connections of a start',
  },
  'noisy.timesUsual': {
    default: 3,
    min: 1.1,
    max: 1_000,
    what: 'how many times its usual rate a tenant must send to be called noisy',
    source: 'a tenant that is merely busy is a good customer',
  },
  'noisy.shareOfAllMin': {
    default: 0.5,
    min: 0.01,
    max: 1,
    what: 'share of all requests that a tenant must send to be called noisy',
    source: 'who sends less drowns nobody',
  },
  'noisy.perSecondMin': {
    default: 40,
    min: 1,
    max: 1_000_000,
    what: 'requests a second below which nobody is noisy',
    source: 'one instance serves as many',
  },
  'overload.timesLoad': {
    default: 1.5,
    min: 1.05,
    max: 100,
    what: 'how many times its usual load a workload must have to be called overloaded',
    source: 'with less than half on top slowness has another cause',
  },
  'overload.timesSlower': {
    default: 4,
    min: 1.1,
    max: 100,
    what: 'how many times its usual median a workload must take under that load',
    source: 'queueing: at four times it has no room left',
  },
  'overload.slowerMinMs': {
    default: 100,
    min: 1,
    max: 600_000,
    what: 'milliseconds by which a workload must be slower under that load',
    source: 'less is hardly felt',
  },
  'objective.requestsMin': {
    default: 30,
    min: 1,
    max: 1_000_000,
    what: 'requests below which a window of an objective says nothing',
    source: 'SRE workbook, chapter 5, low-traffic services',
  },
  'objective.badMin': {
    default: 3,
    min: 1,
    max: 1_000_000,
    what: 'failures below which a window says nothing',
    source: 'one or two are chance',
  },
  'version.alpha': {
    default: 0.001,
    min: 0.000001,
    max: 0.2,
    what: 'how often a version that is no worse may be called worse, over all looks together',
    source: 'docs/diagnosis.md, sequential test',
  },
  'version.timesWorse': {
    default: 2,
    min: 1.1,
    max: 100,
    what: 'how many times the failures of the version before it must have, with one request in a hundred failing',
    source: 'less is no reason to go back',
  },
} as const satisfies Readonly<Record<string, Threshold>>;

export type DetectionName = keyof typeof DETECTION_NUMBERS;
/** Every number, as it counts. */
export type DetectionNumbers = Readonly<Record<DetectionName, number>>;

/** The defaults, with what a policy sets in their place. */
export function detectionNumbers(
  given: Readonly<Partial<Record<DetectionName, number | undefined>>> = {},
): DetectionNumbers {
  const names = Object.keys(DETECTION_NUMBERS) as DetectionName[];
  return Object.fromEntries(names.map((name) => [name, given[name] ?? DETECTION_NUMBERS[name].default])) as Record<
    DetectionName,
    number
  >;
}
