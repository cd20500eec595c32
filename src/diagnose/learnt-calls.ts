import type { CallReadings } from '../detect/call-graph.ts';
import { type FleetView, workloadOf } from './fleet-view.ts';

/**
 * The fleet with the calls between its workloads that were seen beside those that were declared: who calls what fails is a
 * victim, whether or not anybody wrote down that it calls it. The same fleet when nothing else was seen than declared.
 */
export function withLearntCalls(fleet: FleetView, { nodes }: CallReadings): FleetView {
  const learnt = new Map<string, readonly string[]>();
  for (const { name, calls } of nodes) {
    const caller = workloadOf(fleet, name);
    if (!caller) continue;
    const isNew = (callee: string) => callee !== name && !caller.dependsOn.includes(callee);
    const unknown = calls.filter((callee) => isNew(callee) && workloadOf(fleet, callee) !== undefined);
    if (unknown.length > 0) learnt.set(name, unknown);
  }
  if (learnt.size === 0) return fleet;
  const workloads = fleet.workloads.map((each) => {
    const unknown = learnt.get(each.name);
    return unknown ? { ...each, dependsOn: [...each.dependsOn, ...unknown] } : each;
  });
  return { ...fleet, workloads };
}
