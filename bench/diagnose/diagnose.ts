import { seededRandom } from '../../src/base/random.ts';
import { rankCauses } from '../../src/diagnose/graph/cause-ranking.ts';
import { type Method, nSigma, nSigmaAll, traversal } from './peers.ts';
import type { Issue, Scenario } from './petshop.ts';
import { plantIssues, quietIssues } from './planted.ts';

/** How often a method had the cause in first place, and among the first three. Shares of `issues`. */
export interface Score {
  readonly method: string;
  readonly issues: number;
  readonly top1: number;
  readonly top3: number;
}

/** One group of questions and what each method answered. */
interface Group {
  readonly group: string;
  readonly scores: readonly Score[];
}

/** What the verdict of our own ranking is worth: how often it named a cause, and how often that was right. */
interface Verdicts {
  readonly issues: number;
  readonly told: number;
  readonly right: number;
}

interface IssueResult {
  readonly issue: string;
  readonly metric: string;
  readonly cause: string;
  readonly first: string | null;
  /** Place of the cause in the ranking, from 1; null when it is not in it. */
  readonly place: number | null;
  readonly verdict: string;
  readonly confidence: number;
}

export interface DiagnoseReport {
  readonly bench: 'diagnose';
  readonly date: string;
  readonly seed: number;
  readonly groups: readonly Group[];
  readonly verdicts: Readonly<Record<'issues' | 'planted' | 'quiet', Verdicts>>;
  readonly msPerDiagnosis: readonly { readonly method: string; readonly median: number; readonly max: number }[];
  readonly issues: readonly IssueResult[];
}

const impact: Method = (nodes, trouble) => rankCauses(nodes, trouble).causes.map(({ node }) => node);

const METHODS: readonly { readonly name: string; readonly method: Method }[] = [
  { name: 'kintsugi', method: impact },
  { name: 'traversal', method: traversal },
  { name: 'n-sigma', method: nSigma },
  { name: 'n-sigma, all metrics', method: nSigmaAll },
];

/** Every method on every issue, and on `planted` faults per scenario. Equal seeds give equal reports but for the times. */
export function runDiagnose(scenarios: readonly Scenario[], planted: number, seed: number) {
  const random = seededRandom(seed);
  const issues = scenarios.flatMap((scenario) => scenario.issues);
  const plants = scenarios.flatMap((scenario) => plantIssues(scenario, planted, random));
  const quiet = scenarios.flatMap((scenario) => quietIssues(scenario, planted, random));
  const kinds = [...new Set(issues.map(kindOf))].sort();
  const groups = [
    ...kinds.map((kind) =>
      groupOf(
        kind,
        issues.filter((issue) => kindOf(issue) === kind),
      ),
    ),
    groupOf('all issues', issues),
    ...(plants.length > 0 ? [groupOf('planted faults', plants)] : []),
  ];
  const verdicts = { issues: verdictsOf(issues), planted: verdictsOf(plants), quiet: verdictsOf(quiet) };
  const msPerDiagnosis = METHODS.map(({ name, method }) => ({
    method: name,
    ...timesOf(method, [...issues, ...plants]),
  }));
  return { seed, groups, verdicts, msPerDiagnosis, issues: issues.map(resultOf) };
}

function kindOf({ scenario, trouble }: Issue): string {
  return `${scenario} ${trouble.metric}`;
}

function groupOf(group: string, issues: readonly Issue[]): Group {
  const scores = METHODS.map(({ name, method }) => {
    const places = issues.map((issue) => placeOf(issue, method(issue.nodes, issue.trouble)));
    const share = (most: number) => places.filter((place) => place !== null && place <= most).length / issues.length;
    return { method: name, issues: issues.length, top1: share(1), top3: share(3) };
  });
  return { group, scores };
}

/** A cause that has to be named with a metric is only found by the metric of the symptom: no method here names another. */
function placeOf({ cause, causeMetric, trouble }: Issue, ranking: readonly string[]): number | null {
  const at = ranking.indexOf(cause);
  return at < 0 || (causeMetric !== null && causeMetric !== trouble.metric) ? null : at + 1;
}

function verdictsOf(issues: readonly Issue[]): Verdicts {
  const rankings = issues.map((issue) => ({ issue, ranking: rankCauses(issue.nodes, issue.trouble) }));
  const told = rankings.filter(({ ranking }) => ranking.verdict === 'cause');
  const right = told.filter(({ issue, ranking }) => ranking.causes[0]?.node === issue.cause);
  return { issues: issues.length, told: told.length, right: right.length };
}

function timesOf(method: Method, issues: readonly Issue[]): { median: number; max: number } {
  const times = issues
    .map(({ nodes, trouble }) => {
      const start = performance.now();
      method(nodes, trouble);
      return performance.now() - start;
    })
    .sort((a, b) => a - b);
  return { median: times[times.length >> 1] ?? 0, max: times.at(-1) ?? 0 };
}

function resultOf(issue: Issue): IssueResult {
  const { causes, verdict } = rankCauses(issue.nodes, issue.trouble);
  const place = placeOf(
    issue,
    causes.map(({ node }) => node),
  );
  const [first] = causes;
  const { name, trouble, cause } = issue;
  return {
    issue: name,
    metric: trouble.metric,
    cause,
    first: first?.node ?? null,
    place,
    verdict,
    confidence: first?.confidence ?? 0,
  };
}
