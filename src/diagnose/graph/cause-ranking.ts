import { type Blast, blastOf } from './blast.ts';
import type { CallNode, Metric, Trouble } from './call-node.ts';
import { type Harm, harmOf, scatterOf } from './harm.ts';
import { troubleWeights } from './trouble-weight.ts';

/** A suspected cause, with why it is suspected. */
export interface RankedCause {
  readonly node: string;
  /** Harm per interval (failed requests, or milliseconds waited) that none of its callees explains. */
  readonly harm: number;
  /** By how many deviations of its own past that is unusual. */
  readonly unusual: number;
  /** `harm`, less what may be chance, more for a recent change. Causes are ranked by it. */
  readonly score: number;
  /** 0 to 1. */
  readonly confidence: number;
  readonly blast: Blast;
  /** Sentences for people, strongest first. */
  readonly evidence: readonly string[];
}

/** `cannot-tell` still ranks what there is, but nothing should be healed on its word. */
export interface CauseRanking {
  readonly verdict: 'cause' | 'cannot-tell';
  readonly reason: string;
  /** Most suspected first; every node that the troubled one reaches. */
  readonly causes: readonly RankedCause[];
}

/** An excess of so many deviations is no chance; less counts in proportion. */
const UNUSUAL_FULL = 5;
const UNUSUAL_MIN = 3;
/** Below this the troubled node itself is as it always was, and there is nothing to find a cause for. */
const TROUBLE_MIN = 2;
const CONFIDENCE_MIN = 0.3;
/** A change just before the trouble doubles the suspicion; after this time the bonus has fallen to a third. */
const CHANGE_FADES_MS = 30 * 60_000;

/**
 * Ranks the nodes that the troubled one reaches through its calls, by the harm that they do and none of their callees
 * explains. Pure: equal data give equal rankings. A node without data has no harm. When the troubled node is not in
 * `nodes`, the answer is `cannot-tell` without causes.
 */
export function rankCauses(nodes: readonly CallNode[], trouble: Trouble): CauseRanking {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const troubled = byName.get(trouble.node);
  if (troubled === undefined) return cannotTell(`there are no readings of ${trouble.node}`, []);
  const weights = troubleWeights(troubled, trouble.metric);
  const reached = reachedFrom(troubled, byName);
  const harms = new Map(reached.map((node) => [node.name, harmOf(node, trouble.metric)]));
  const onset = trouble.times[weights.findIndex((weight) => weight >= 0.5)];
  const own = harms.get(trouble.node)!;
  const harm = contrastOf(own.present, weights);
  const scatter = scatterOfMean(own.baseline, weights, trouble.metric);
  const scene = { harms, weights, onset, metric: trouble.metric, reaching: Math.max(0, harm) + scatter };
  const suspects = reached.map((node) => suspect(node, scene)).sort((a, b) => b.score - a.score);
  const isTroubled = harm >= TROUBLE_MIN * scatter;
  return verdictOf(suspects, { harm, metric: trouble.metric, isTroubled, node: trouble.node });
}

/** How much the mean of the troubled intervals scatters by chance. */
function scatterOfMean(past: readonly number[], weights: readonly number[], metric: Metric): number {
  const intervals = weights.reduce((sum, weight) => sum + weight, 0);
  return scatterOf(past, metric === 'failures' ? 1 : 1e-6) / Math.sqrt(Math.max(1, intervals));
}

/** What may be confused is ordered by the nodes' order, so that equal scores do not depend on chance. */
function reachedFrom(start: CallNode, byName: ReadonlyMap<string, CallNode>): readonly CallNode[] {
  const reached = new Set([start]);
  for (const node of reached) {
    for (const callee of node.calls) {
      const next = byName.get(callee);
      if (next !== undefined) reached.add(next);
    }
  }
  return [...reached];
}

interface Scene {
  readonly harms: ReadonlyMap<string, Harm>;
  readonly weights: readonly number[];
  readonly onset: number | undefined;
  readonly metric: Metric;
  /** Harm that arrives at the troubled node, at most. */
  readonly reaching: number;
}

interface Suspect {
  readonly node: CallNode;
  readonly total: number;
  readonly explained: { readonly by: string; readonly harm: number } | undefined;
  readonly harm: number;
  readonly unusual: number;
  readonly changedMsBefore: number | undefined;
  readonly score: number;
}

function suspect(node: CallNode, { harms, weights, onset, metric, reaching }: Scene): Suspect {
  const callees = node.calls.filter((name) => name !== node.name && harms.has(name));
  const own = harms.get(node.name)!;
  const total = contrastOf(own.present, weights);
  const explained = callees
    .map((name) => ({ by: name, harm: contrastOf(harms.get(name)!.present, weights) }))
    .reduce<Suspect['explained']>((most, each) => (each.harm > (most?.harm ?? 0) ? each : most), undefined);
  const harm = total - (explained?.harm ?? 0);
  const past = own.baseline.map(
    (value, at) => value - Math.max(0, ...callees.map((name) => harms.get(name)!.baseline[at] ?? 0)),
  );
  const unusual = harm / scatterOfMean(past, weights, metric);
  const changedMsBefore = onset !== undefined && node.changedAt !== undefined ? onset - node.changedAt : undefined;
  const chance = Math.min(1, Math.max(0, unusual / UNUSUAL_FULL));
  // Harm beyond what arrives (work that nobody waits for) is no explanation of the trouble; it keeps its root only.
  const arriving = harm > reaching ? Math.sqrt(reaching / harm) : 1;
  return {
    node,
    total,
    explained,
    harm,
    unusual,
    changedMsBefore,
    score: Math.max(0, harm) * arriving * chance * changeFactor(changedMsBefore),
  };
}

/** What was changed after the trouble began did not cause it. */
function changeFactor(changedMsBefore: number | undefined): number {
  if (changedMsBefore === undefined || changedMsBefore < 0) return 1;
  return 1 + Math.exp(-changedMsBefore / CHANGE_FADES_MS);
}

/**
 * Mean harm of the troubled intervals beyond that of the untroubled ones. An untroubled interval that is better than the
 * baseline earns nothing: noise in one quiet interval shall not look like a fault in the others.
 */
function contrastOf(series: readonly number[], weights: readonly number[]): number {
  let bad = 0;
  let good = 0;
  let badWeight = 0;
  let goodWeight = 0;
  series.forEach((harm, at) => {
    const weight = weights[at] ?? 0;
    bad += weight * harm;
    badWeight += weight;
    // Squared: an interval that was half troubled is no witness of what was normal.
    good += (1 - weight) ** 2 * harm;
    goodWeight += (1 - weight) ** 2;
  });
  if (badWeight === 0) return 0;
  return bad / badWeight - (goodWeight > 0.5 ? Math.max(0, good / goodWeight) : 0);
}

interface Complaint {
  readonly node: string;
  readonly metric: Metric;
  readonly harm: number;
  readonly isTroubled: boolean;
}

function verdictOf(suspects: readonly Suspect[], complaint: Complaint): CauseRanking {
  const scores = suspects.reduce((sum, { score }) => sum + score, 0);
  const causes = suspects.map((each) => {
    const chance = Math.min(1, Math.max(0, each.unusual / UNUSUAL_FULL));
    const cover = complaint.harm > 0 ? Math.min(1, Math.max(0, each.harm) / complaint.harm) : 0;
    const confidence = scores > 0 ? (each.score / scores) * chance * Math.sqrt(cover) : 0;
    return toCause(each, confidence, complaint);
  });
  const [first] = causes;
  if (!complaint.isTroubled) return cannotTell(`${complaint.node} is not worse than it usually is`, causes);
  if (first === undefined || first.unusual < UNUSUAL_MIN || first.harm <= 0) {
    return cannotTell('nothing that is called got worse beyond what is usual for it', causes);
  }
  if (first.confidence < CONFIDENCE_MIN) {
    return cannotTell(`no cause stands out; ${first.node} is only the likeliest of several`, causes);
  }
  return { verdict: 'cause', reason: first.evidence[0]!, causes };
}

function cannotTell(reason: string, causes: readonly RankedCause[]): CauseRanking {
  return { verdict: 'cannot-tell', reason, causes };
}

function toCause(found: Suspect, confidence: number, complaint: Complaint): RankedCause {
  const { node, harm, unusual, score } = found;
  const blast = blastOf(node.parts ?? []);
  return { node: node.name, harm, unusual, score, confidence, blast, evidence: evidenceOf(found, blast, complaint) };
}

function evidenceOf(found: Suspect, blast: Blast, complaint: Complaint): readonly string[] {
  const { node, total, explained, harm, unusual, changedMsBefore } = found;
  const unit = complaint.metric === 'failures' ? 'failed requests' : 'ms of waiting';
  const evidence = [`${node.name} adds ${amount(harm)} ${unit} per interval of its own, ${amount(unusual)} deviations`];
  if (complaint.harm > 0) evidence.push(`${complaint.node} has ${amount(complaint.harm)} ${unit} per interval in all`);
  if (explained !== undefined) {
    evidence.push(`${amount(explained.harm)} of its ${amount(total)} ${unit} come from ${explained.by}`);
  }
  if (changedMsBefore !== undefined && changedMsBefore >= 0) {
    evidence.push(`it was changed ${amount(changedMsBefore / 1_000)} s before the trouble began`);
  }
  if (blast.kind === 'one') {
    evidence.push(
      `${blast.dimension} ${blast.name} has ${percent(blast.harmShare)} of the harm and ${percent(blast.requestShare)} of the requests`,
    );
  }
  if (blast.kind === 'everything') evidence.push('no single instance, version, route, tenant or zone stands out');
  return evidence;
}

function amount(value: number): string {
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(2)));
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
