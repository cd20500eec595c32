import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { ProcessDriver } from '../drivers/process/process-driver.ts';

/** Where text goes. `columns` is the width of a terminal. */
export interface Output {
  write(text: string): unknown;
  /** Resolves when what was written has left the process; rejects when nobody takes it any more. */
  drained?(): Promise<void>;
  readonly columns?: number | undefined;
}

/** `kintsugi up`, as it was asked for. */
export interface UpOptions {
  readonly stack: string;
  readonly state: string;
  readonly port: number;
  readonly apiPort: number;
  readonly internalPort: number;
  readonly gateways: number;
  /** A shell command that runs while the stack is up. */
  readonly with: string | undefined;
  readonly json: boolean;
}

/** How one of Kintsugi's own processes was asked for. */
export interface RoleOptions {
  readonly state: string;
  /** Whatever followed the name of the role, options that the command line does not know included. */
  readonly args: readonly string[];
  readonly data: string | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
}

/** Everything that the command line takes from outside. */
export interface CliContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether a person watches: then lines are coloured and redrawn. */
  readonly isTty: boolean;
  /** The state directory when neither `--state` nor `KINTSUGI_STATE` names one. */
  readonly stateDefault: string;
  /** The time zone of what is printed for people; that of the machine when left out. */
  readonly timeZone?: string;
  /** A client of the keeper on this socket. Connects when it is used. */
  openKeeper(socketPath: string): ProcessDriver;
  /** Runs a stack until it is told to stop; resolves with the exit code. */
  runUp(options: UpOptions): Promise<number>;
  /**
   * Runs one process until it is told to stop: `control`, `gateway`, `ledger`, `postgres` (`process <role>`), or
   * `postgres-server`, which is the public command `postgres`.
   */
  runRole(role: string, options: RoleOptions): Promise<void>;
}
