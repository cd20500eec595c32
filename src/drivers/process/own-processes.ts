import { Agent } from 'undici';
import type { Clock } from '../../base/clock.ts';
import type { StateDirectory } from '../../base/state-directory.ts';
import { isOwnProcess, ownProcessAsset } from '../../detect/own-process.ts';
import type { AssetView } from '../../diagnose/fleet-view.ts';
import type { ConditionSample } from '../../observe/sample.ts';
import type { Database } from '../../store/database.ts';
import { fencedTransaction, type LeaderLease } from '../../store/lease.ts';
import { appendSettingChange, readSettings } from '../../store/setting-store.ts';
import { NO_PARTS, type Parts, type PartsView } from '../parts.ts';
import type { ChildStatus } from './protocol.ts';
import { askLiveness } from './system-liveness.ts';

const PREFIX = 'keeper/';
const ANSWER_MS = 1_500;
/** So many looks say what was done, whatever is so by now: one alone is not believed. */
const TOLD_LOOKS = 3;
/** After so many answers in a row it is over, and not told again: longer than a condition takes to be taken back. */
const OVER_LOOKS = 30;

export interface OwnProcessesOptions {
  readonly children: () => readonly ChildStatus[];
  /** Where a process answers `GET /livez`; undefined when it does not. */
  readonly socketOf: (id: string) => string | undefined;
  readonly database: Database;
  readonly lease: LeaderLease;
  readonly clock: Clock;
}

interface Told {
  readonly at: string;
  looks: number;
  answers: number;
}

/** The socket of one of Kintsugi's own processes, as the keeper knows it. */
export function ownSocket(state: Pick<StateDirectory, 'socket'>, id: string): string | undefined {
  if (id === 'ledger' || id === 'control') return state.socket(id);
  const [, number] = /^gateway-(\d+)$/.exec(id) ?? [];
  return number === undefined ? undefined : state.socket(`gateway-${Number(number)}`);
}

/**
 * Kintsugi's own processes that hung, by the keeper's record: a level, so that the next control learns of what was done to
 * the last one. One is blocked until it has answered again and again; what was seen to be over is kept in PostgreSQL.
 */
export class OwnProcesses implements Parts {
  readonly name = 'keeper';
  readonly #options: OwnProcessesOptions;
  readonly #told = new Map<string, Told>();
  /** By process, the time of the kill that is over. */
  #over: Map<string, string | null> | undefined;

  constructor(options: OwnProcessesOptions) {
    this.#options = options;
  }

  owns(id: string): boolean {
    return isOwnProcess(id);
  }

  async look(): Promise<PartsView> {
    const { children, database } = this.#options;
    const hung = children().filter(({ hung }) => hung !== undefined);
    if (hung.length === 0) return NO_PARTS;
    this.#over ??= new Map(
      (await readSettings(database, PREFIX)).map(({ setting, value }) => [setting.slice(PREFIX.length), value]),
    );
    const open = hung.filter(({ id, hung }) => this.#over?.get(id) !== hung?.at);
    const samples = await Promise.all(open.map((child) => this.#sampleOf(child)));
    return { ...NO_PARTS, assets: open.map(assetOf), samples };
  }

  async #sampleOf(child: ChildStatus): Promise<ConditionSample> {
    const { id, hung } = child;
    const { clock } = this.#options;
    const { at = '', times = 0 } = hung ?? {};
    const known = this.#told.get(id);
    const told: Told = known?.at === at ? known : { at, looks: 0, answers: 0 };
    this.#told.set(id, told);
    const answers = child.state === 'running' && (await this.#answers(id));
    told.looks += 1;
    told.answers = answers ? told.answers + 1 : 0;
    if (told.answers >= OVER_LOOKS) await this.#close(id, at);
    const reason = `${id} did not answer; the keeper killed it at ${at} and starts it again`;
    const seen = { asset: ownProcessAsset(id), condition: 'blocked' as const, detail: { at, times } };
    const holds = !answers || told.looks <= TOLD_LOOKS;
    return { kind: 'condition', at: clock.now(), vantage: 'keeper', ...seen, holds, reason };
  }

  async #answers(id: string): Promise<boolean> {
    const socketPath = this.#options.socketOf(id);
    if (socketPath === undefined) return true;
    const dispatcher = new Agent({ connect: { socketPath } });
    try {
      await askLiveness(dispatcher, this.#options.clock.deadline(ANSWER_MS));
      return true;
    } catch {
      return false;
    } finally {
      await dispatcher.destroy();
    }
  }

  /** Only who leads has opened an incident of it. */
  async #close(id: string, at: string): Promise<void> {
    const { database, lease } = this.#options;
    if (!lease.current()) return;
    const change = { setting: `${PREFIX}${id}`, value: at, by: 'kintsugi', key: null };
    await fencedTransaction(database, lease, (tx) => appendSettingChange(tx, change));
    this.#over?.set(id, at);
    this.#told.delete(id);
  }
}

function assetOf({ id }: ChildStatus): AssetView {
  const place = { workloads: [], tenants: [], region: null, host: null, partOf: null, settings: [] };
  return { id: ownProcessAsset(id), kind: 'service', ...place, detail: {} };
}
