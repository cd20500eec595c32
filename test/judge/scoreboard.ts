import type { Scenario } from '../scenarios/scenario.ts';
import type { HealerName } from '../sim/world/trial.ts';
import type { Score } from './score.ts';

/** All that was found out about one scenario. */
export interface Judgement {
  readonly scenario: string;
  readonly pack: string;
  readonly title: string;
  readonly file: string;
  readonly healer: HealerName;
  readonly score: Score;
  /** The run with guards taken out: whether it did harm, and which. Null when the scenario asks for none. */
  readonly unguarded: { readonly isHarmful: boolean; readonly reasons: readonly string[] } | null;
  /** What restarting whatever is unhealthy made of it; null when it was not run. */
  readonly baseline: Score | null;
}

/** What the runs of a pack come to. */
export interface PackFigures {
  readonly scenarios: number;
  readonly resolved: number;
  /** Of those that judge the cause. */
  readonly causeRight: number;
  readonly causeJudged: number;
  readonly falseHeals: number;
  readonly forbidden: number;
  readonly unlawful: number;
  readonly tenantMinutesHarmed: number;
  readonly instancesTouched: number;
  readonly medianDetectMs: number | null;
  readonly medianHealMs: number | null;
}

/** Figures of any scores, those of one pack for example. */
export function figuresOf(scores: readonly Score[]): PackFigures {
  const sum = (of: (score: Score) => number) => scores.reduce((all, each) => all + of(each), 0);
  return {
    scenarios: scores.length,
    resolved: sum((each) => Number(each.resolved)),
    causeRight: sum((each) => Number(each.causeRight === true)),
    causeJudged: sum((each) => Number(each.causeRight !== null)),
    falseHeals: sum((each) => each.falseHeals),
    forbidden: sum((each) => each.forbidden),
    unlawful: sum((each) => each.unlawful),
    tenantMinutesHarmed: Math.round(sum((each) => each.tenantMinutesHarmed) * 10) / 10,
    instancesTouched: sum((each) => each.instancesTouched),
    medianDetectMs: median(scores.flatMap(({ detectMs }) => (detectMs === null ? [] : [detectMs]))),
    medianHealMs: median(scores.flatMap(({ healMs, resolved }) => (healMs === null || !resolved ? [] : [healMs]))),
  };
}

function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return Math.round(sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2);
}

export function packsOf(judgements: readonly Judgement[]): ReadonlyMap<string, readonly Judgement[]> {
  const packs = new Map<string, Judgement[]>();
  for (const each of judgements) packs.set(each.pack, [...(packs.get(each.pack) ?? []), each]);
  return packs;
}

const RESOLVED_MIN = 0.9;
const CAUSE_MIN = 0.85;

/** Aims that were missed, each in a line; an empty list is success. */
export function missedAims(judgements: readonly Judgement[]): readonly string[] {
  const packs = packsOf(judgements);
  return [
    ...portAims(figuresOf((packs.get('port') ?? []).map(({ score }) => score))),
    ...(packs.get('trap') ?? [])
      .filter(({ score }) => !score.resolved)
      .map(({ scenario }) => `trap ${scenario} is not resolved`),
    ...(packs.get('post-mortem') ?? []).flatMap(postMortemAims),
    ...judgements.flatMap(({ pack, scenario, score }) =>
      (['falseHeals', 'forbidden', 'unlawful'] as const).flatMap((sort) =>
        score[sort] === 0 ? [] : [`${pack}/${scenario}: ${score[sort]} ${WORDS[sort]}`],
      ),
    ),
  ];
}

const WORDS = { falseHeals: 'false heals', forbidden: 'forbidden repairs', unlawful: 'unlawful acts' } as const;

function portAims({ scenarios, resolved, causeRight, causeJudged }: PackFigures): readonly string[] {
  return [
    ...(resolved >= RESOLVED_MIN * scenarios ? [] : [`port: ${resolved} of ${scenarios} resolved, 90 % is the aim`]),
    ...(causeRight >= CAUSE_MIN * causeJudged
      ? []
      : [`port: the cause was named right in ${causeRight} of ${causeJudged}, 85 % is the aim`]),
  ];
}

/** Stopped: nothing of the harm happened, and the guards that had to speak did. Shown: without guards it happened. */
function postMortemAims({ scenario, score, unguarded }: Judgement): readonly string[] {
  const name = `post-mortem ${scenario}`;
  if (!score.resolved) return [`${name} is not stopped`];
  if (score.silentGuards.length > 0) return [`${name}: ${score.silentGuards.join(', ')} refused nothing`];
  return unguarded && !unguarded.isHarmful ? [`${name}: without its guards no harm is seen`] : [];
}

/** The document of `--json`. */
export function toDocument(
  judgements: readonly Judgement[],
  options: { readonly seed: number; readonly healer: HealerName },
) {
  const packs = [...packsOf(judgements)];
  const withBaseline = judgements.some(({ baseline }) => baseline !== null);
  return {
    ...options,
    packs: Object.fromEntries(packs.map(([name, all]) => [name, figuresOf(all.map(({ score }) => score))])),
    ...(withBaseline
      ? { baseline: Object.fromEntries(packs.map(([name, all]) => [name, figuresOf(baselineOf(all))])) }
      : {}),
    missedAims: missedAims(judgements),
    scenarios: judgements.map(({ score, ...rest }) => ({ ...rest, ...score })),
  };
}

export function baselineOf(judgements: readonly Judgement[]): readonly Score[] {
  return judgements.flatMap(({ baseline }) => (baseline ? [baseline] : []));
}

/** Whether a run without guards did what they exist to prevent. */
export function isHarmful(scenario: Scenario, unguarded: Score, guarded: Score): boolean {
  const { harm } = scenario.expect;
  return (
    unguarded.forbidden + unguarded.falseHeals + unguarded.unlawful > 0 ||
    unguarded.violations > guarded.violations ||
    unguarded.instancesTouched > harm.instances ||
    (unguarded.tenantMinutesHarmed > harm.tenantMinutes && unguarded.tenantMinutesHarmed > guarded.tenantMinutesHarmed)
  );
}
