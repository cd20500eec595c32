import type { Clock } from '../../base/clock.ts';
import { KinError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import type { AssetView } from '../../diagnose/fleet-view.ts';
import type { AssetOrder } from '../../heal/fleet.ts';
import type { MoveContext } from '../../heal/move.ts';
import { NO_PARTS, notOf, type Parts, type PartsView } from '../parts.ts';

/** An instance that makes backups of a server and says how one is started. */
export interface BackupProgram {
  /** `backups/us/0`: the slot of the instance. */
  readonly slot: string;
  readonly workload: string;
  readonly region: string;
  /** Assets whose data it copies, as facts name them: `store postgresql/database/us`. */
  readonly stores: readonly string[];
  readonly url: string;
}

const PREFIX = 'object backups ';
const ANSWER_MS = 10_000;

/**
 * Programs that make backups. What they are asked is to begin: whether a backup came of it is measured by what then lies
 * there, like any other.
 */
export class BackupParts implements Parts {
  readonly name = 'backup';
  readonly #programs: () => readonly BackupProgram[];
  readonly #clock: Clock;

  /** `programs`: those that serve now. */
  constructor({ programs, clock }: { readonly programs: () => readonly BackupProgram[]; readonly clock: Clock }) {
    this.#programs = programs;
    this.#clock = clock;
  }

  owns(id: string): boolean {
    return id.startsWith(PREFIX);
  }

  async look(): Promise<PartsView> {
    return { ...NO_PARTS, assets: this.#programs().map(assetOf) };
  }

  /** The program joins a call to a backup that is under way, so a repetition after a crash makes no second one. */
  async act({ verb, asset }: AssetOrder, { key, signal }: MoveContext): Promise<JsonObject> {
    if (verb !== 'back-up') notOf(this.name, asset);
    const program = this.#programs().find((each) => assetOf(each).id === asset);
    if (!program) throw new KinError('resource.unknown', `nothing that makes ${asset} serves now`);
    const answer = await fetch(program.url, {
      method: 'POST',
      headers: { 'idempotency-key': key },
      redirect: 'error',
      signal: this.#clock.deadline(ANSWER_MS, signal),
    }).catch((cause: unknown) => {
      throw new KinError('move.failed', `${program.slot} could not be asked to start a backup`, { cause });
    });
    await answer.body?.cancel();
    if (!answer.ok) throw new KinError('move.failed', `${program.slot} answered ${answer.status} and starts no backup`);
    return { status: answer.status };
  }

  /** One backup more takes nothing away. */
  async unact(): Promise<void> {
    return undefined;
  }
}

function assetOf({ slot, workload, region, stores }: BackupProgram): AssetView {
  const place = { workloads: [workload], tenants: [], region, host: null, partOf: null, settings: [] };
  return { id: `${PREFIX}${slot}`, kind: 'object', ...place, detail: { backs: [...stores] } };
}
