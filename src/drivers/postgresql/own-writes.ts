import type { SettingView } from '../../diagnose/fleet-view.ts';

interface Written {
  readonly value: string | null;
  readonly by: string;
  readonly at: number;
}

/** The next look comes within this time. */
const SEEN_MS = 60_000;
const WRITES_MAX = 20;
const SETTINGS_MAX = 500;

/**
 * What this process wrote into a database where nobody tells who changed what: a later look finds the value, and this
 * says whose it is. Otherwise a repair would be suspected as the change that trouble followed, or as somebody who fights it.
 */
export class OwnWrites {
  /** By id of the setting, the newest last. */
  readonly #written = new Map<string, readonly Written[]>();

  /** `key` is that of the move, which begins with its repair. */
  note(setting: string, value: string | null, key: string, at: number): void {
    const [repair = ''] = key.split(':');
    const before = this.#written.get(setting) ?? [];
    this.#written.delete(setting);
    this.#written.set(setting, [...before, { value, by: `kintsugi ${repair}`, at }].slice(-WRITES_MAX));
    const [oldest] = this.#written.keys();
    if (this.#written.size > SETTINGS_MAX && oldest !== undefined) this.#written.delete(oldest);
  }

  /** The setting, with our name at the changes of nobody that were ours. */
  signed(setting: SettingView): SettingView {
    const own = this.#written.get(setting.id);
    if (!own) return setting;
    const history = [...setting.history];
    for (const { value, by, at } of own) {
      // The first look that found it, whether that was under way when it was written or came soon after.
      const before = history.findLastIndex((change) => change.value !== value && change.at <= at);
      const index = history.findIndex((change, place) => place > before && change.value === value);
      const change = history[index];
      if (before < 0 || change?.by !== 'unknown' || change.at > at + SEEN_MS) continue;
      history[index] = { ...change, by };
    }
    return { ...setting, history };
  }
}
