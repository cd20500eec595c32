import type { ChangeSample } from '../observe/sample.ts';
import type { FleetView, SettingView } from './fleet-view.ts';

/** What was changed so long before the first look is still told of: whoever led before may not have lived to. */
const FRESH_MS = 600_000;
/** Settings that are remembered; the others are looked at anew each time and tell nothing. */
const SETTINGS_MAX = 20_000;

/** Tells of the changes of settings that are new in the picture of the fleet, each once. */
export class SettingChanges {
  #known: ReadonlyMap<string, number> | undefined;

  #untold: readonly ChangeSample[] = [];

  /** Those that were seen and not told of yet, oldest first. */
  take(): readonly ChangeSample[] {
    const told = this.#untold;
    this.#untold = [];
    return told;
  }

  look({ settings, workloads, at }: FleetView): void {
    const before = this.#known;
    const all = workloads.map(({ name }) => name);
    const changes = settings.flatMap((setting) => {
      const known = before?.get(setting.id) ?? at - FRESH_MS;
      return setting.history.slice(1).flatMap((change) => (change.at > known ? [sampleOf(setting, change, all)] : []));
    });
    this.#known = new Map(settings.slice(0, SETTINGS_MAX).map(({ id, history }) => [id, history.at(-1)?.at ?? at]));
    this.#untold = [...this.#untold, ...changes].sort((a, b) => a.at - b.at);
  }
}

function sampleOf(
  { id, workloads, tenant }: SettingView,
  { at, by }: SettingView['history'][number],
  all: readonly string[],
): ChangeSample {
  const governed = workloads.length === 0 ? all : workloads;
  return { kind: 'change', at, vantage: 'control', setting: id, workloads: governed, tenant, by };
}
