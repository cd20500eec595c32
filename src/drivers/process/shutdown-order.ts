import type { ChildStatus, StopOrder } from './protocol.ts';

/** What the order depends on: who the children are, in which order the system ones were started, who depends on whom. */
export interface ShutdownInput {
  readonly children: readonly Pick<ChildStatus, 'id' | 'role' | 'workload'>[];
  readonly startOrder: Readonly<Record<string, number>>;
  readonly stopOrder: StopOrder;
}

/**
 * Groups of ids to stop one after the other, each at once: gateways (no new requests), control (nobody who would heal what
 * is stopped on purpose), instances by rank, then what all of them stand on, last started first. Pure.
 */
export function shutdownOrder({ children, startOrder, stopOrder }: ShutdownInput): readonly (readonly string[])[] {
  const system = children.filter(({ role }) => role === 'system');
  const gateways = system.filter(({ id }) => id.startsWith('gateway'));
  const control = system.filter(({ id }) => id === 'control');
  const floor = system.filter((child) => !gateways.includes(child) && !control.includes(child));
  const instances = children.filter(({ role }) => role === 'instance');
  return [
    gateways.map(({ id }) => id),
    control.map(({ id }) => id),
    ...grouped(instances, ({ workload }) => stopOrder[workload] ?? 0),
    ...grouped(floor, ({ id }) => -(startOrder[id] ?? 0)),
  ].filter((group) => group.length > 0);
}

function grouped<T extends { readonly id: string }>(children: readonly T[], rankOf: (child: T) => number): string[][] {
  const ranks = [...new Set(children.map(rankOf))].sort((a, b) => a - b);
  return ranks.map((rank) => children.filter((child) => rankOf(child) === rank).map(({ id }) => id));
}
