import type { Target } from './load.ts';

/** A running instance as its balancer sees it. */
export interface Instance {
  readonly url: string;
  /** Gets requests. */
  readonly inRotation: boolean;
}

export interface IncidentCount {
  readonly open: number;
  /** Closed after the repair was verified, since the start. */
  readonly healed: number;
}

/** A balancer with something that restarts instances, started and under no load. */
export interface Contestant {
  readonly target: Target;
  /** Rejects while the balancer cannot be asked. */
  instances(): Promise<readonly Instance[]>;
  /** What it says itself about its repairs; left out for who says nothing. */
  incidents?(): Promise<IncidentCount>;
  /** Ends every process that it started. */
  close(): Promise<void>;
}

/** Who takes part: what it is, and how it is started once more in a new folder. */
export interface Entry {
  readonly name: string;
  readonly description: string;
  /** Why it cannot take part on this machine. */
  readonly skipped: string | undefined;
  start(folder: string, signal: AbortSignal): Promise<Contestant>;
}

/** Everybody runs so many instances of the service. */
export const INSTANCES = 3;
