import { workloadOf } from './fleet-view.ts';
import { rankingOf } from './ranking.ts';
import { needsOf, type Scene } from './scene.ts';

/** Less sure than this is a guess, and the rules guess as well. */
const CONFIDENCE_MIN = 0.5;
const TOLD_WITHIN_MS = 15_000;

/**
 * The callee of `workload` that adds the harm, by the calls as they were counted. Only one that others call too: where one
 * calls alone, its calls may be what is wrong.
 */
export function blamedCallee(workload: string, { all, fleet, readings }: Scene): string | undefined {
  const ranking = readings && rankingOf(all, fleet, readings);
  const [first] = ranking?.verdict === 'cause' ? ranking.causes : [];
  if (first === undefined || first.confidence < CONFIDENCE_MIN) return undefined;
  if (workloadOf(fleet, first.node) === undefined || !needsOf(workload, fleet).has(first.node)) return undefined;
  const callers = fleet.workloads.filter(({ dependsOn }) => dependsOn.includes(first.node));
  return callers.length > 1 ? first.node : undefined;
}

/** What a callee does is told of the callee a little later than it is felt above: so long nobody else is accused of it. */
export function awaitsCallee(workloads: Iterable<string>, since: number, scene: Scene): boolean {
  if (scene.fleet.at - since >= TOLD_WITHIN_MS) return false;
  return [...workloads].some((name) => blamedCallee(name, scene) !== undefined);
}
