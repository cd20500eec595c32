import type { Clock } from '../../base/clock.ts';
import type { Collector, KeepTranscript } from '../collector.ts';
import type { Fact, Measured } from '../fact.ts';
import { type ListeningSocket, readListening, type TreeListening } from '../listening-sockets.ts';
import { counted, reasonOf, unknown } from './place-collector.ts';

/** Where a process may listen: a port, and from where it may be reached. */
export interface ApprovedPort {
  readonly port: number;
  /** `loopback`: any address of this machine alone; `any`: every address; else exactly this one. */
  readonly address: string;
}

/** A process of the stack, with all that it starts. */
export interface WatchedProcess {
  /** `gateway-0`, or the slot `records/eu/0`: it stays when its instance goes. */
  readonly subject: string;
  readonly pid: number;
  /** A line of its environment that nobody else has; empty when there is none. */
  readonly mark: string;
  readonly approved: readonly ApprovedPort[];
}

export interface NetworkListenersOptions {
  readonly processes: () => readonly WatchedProcess[];
  readonly clock: Clock;
}

const NAME = 'network-listeners';
const FACT = 'network.listeners.unapproved';
/** Whoever looks for a free port listens for a moment: what still listens after this time is there to stay. */
const CONFIRM_MS = 1_000;
/** Of one process, in a reason that people read. */

interface Watched extends WatchedProcess {
  readonly listening: TreeListening;
}

/**
 * TCP sockets on which the processes of the stack, and what they started, listen without approval: not the port that the
 * keeper gave, and none that the manifest approves, or from farther away than it says. Asked is the kernel, twice. Nothing is proven of other
 * processes of the machine, of UDP, and of what a firewall lets in.
 */
export function networkListeners({ processes, clock }: NetworkListenersOptions): Collector {
  return {
    name: NAME,
    facts: [FACT],
    everyMs: 60_000,
    timeoutMs: 20_000,
    async collect(signal, keep) {
      const watched = processes();
      if (watched.length === 0) return [];
      const first = await look(watched).catch((error: unknown) => reasonOf(error));
      if (typeof first === 'string') return blind(watched, clock, unreadable(first));
      if (first.every((each) => unapproved(each).length === 0)) return factsOf(first, clock, keep);
      await clock.sleep(CONFIRM_MS, signal);
      const inodes = new Set(first.flatMap((each) => unapproved(each).map(({ inode }) => inode)));
      const second = await look(processes());
      return factsOf(
        second.map((each) => without(each, inodes)),
        clock,
        keep,
      );
    },
  };
}

async function look(processes: readonly WatchedProcess[]): Promise<readonly Watched[]> {
  const trees = await readListening(processes);
  return processes.map((each, at) => ({ ...each, listening: trees[at] ?? { sockets: [], hidden: [] } }));
}

/** Leaves out what is not approved and was not there when it was looked at first. */
function without(each: Watched, inodes: ReadonlySet<string>): Watched {
  const passing = new Set(unapproved(each).filter(({ inode }) => !inodes.has(inode)));
  const { sockets, hidden } = each.listening;
  return { ...each, listening: { hidden, sockets: sockets.filter((socket) => !passing.has(socket)) } };
}

function unapproved({ approved, listening }: Watched): readonly ListeningSocket[] {
  return listening.sockets.filter((socket) => !approved.some((each) => covers(each, socket)));
}

function covers({ port, address }: ApprovedPort, socket: ListeningSocket): boolean {
  if (port !== socket.port) return false;
  return address === 'any' || address === socket.address || (address === 'loopback' && isLoopback(socket.address));
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** One fact a subject: two instances stand in one slot while one follows the other. */
function factsOf(watched: readonly Watched[], clock: Clock, keep: KeepTranscript = () => null): readonly Fact[] {
  const measuredAt = clock.now();
  return [...Map.groupBy(watched, ({ subject }) => subject)].map(([subject, here]): Fact => {
    const found = here.flatMap(unapproved);
    const hidden = here.flatMap(({ listening }) => listening.hidden);
    const transcript = here.map(({ pid, approved, listening }) => ({ pid, approved, listening }));
    const evidence = keep({ collector: NAME, subject, transcript });
    const about = { subject, tenants: 'all' as const, measuredAt, collector: NAME, evidence };
    return { name: FACT, ...about, measured: measuredOf(found, hidden) };
  });
}

function measuredOf(found: readonly ListeningSocket[], hidden: readonly number[]): Measured {
  if (found.length === 0 && hidden.length > 0) {
    return unknown(`the open files of process ${hidden[0]} may not be read from here`);
  }
  return counted(found.map(tell));
}

function tell({ program, pid, address, port }: ListeningSocket): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return `${program} (pid ${pid}) listens on ${host}:${port}`;
}

function unreadable(reason: string): Measured {
  return unknown(`the sockets of this machine cannot be read: ${reason}`);
}

function blind(watched: readonly WatchedProcess[], clock: Clock, measured: Measured): readonly Fact[] {
  const about = { tenants: 'all' as const, measured, measuredAt: clock.now(), collector: NAME, evidence: null };
  return [...new Set(watched.map(({ subject }) => subject))].map((subject) => ({ name: FACT, subject, ...about }));
}
