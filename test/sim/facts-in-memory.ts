import { KinError } from '../../src/base/errors.ts';
import type { AssetOrder, SettingOrder } from '../../src/heal/fleet.ts';
import type { MoveContext } from '../../src/heal/move.ts';
import type { Effect } from './hands-in-memory.ts';

interface Kept {
  readonly value: string | null;
  readonly revision: number;
  /** Under which key it was written last. */
  readonly key: string;
}

/**
 * What is so of settings, assets, actors and limits, as names with values. Every order is made of several writes, each an
 * effect of its own, in an order in which the world works after each of them.
 */
export class FactsInMemory {
  readonly facts = new Map<string, string>();
  readonly #settings = new Map<string, Kept>();
  readonly #holders = new Map<string, Set<string>>();
  readonly #effect: Effect;

  constructor(effect: Effect) {
    this.#effect = effect;
  }

  /** A setting as it was before anything was repaired. */
  declare(setting: string, value: string, revision: number): void {
    this.#settings.set(setting, { value, revision, key: 'declared' });
    this.facts.set(`setting ${setting}`, value);
  }

  /** Somebody who is no healer writes. */
  overwrite(setting: string, value: string): void {
    const revision = (this.#settings.get(setting)?.revision ?? 0) + 1;
    this.#settings.set(setting, { value, revision, key: 'somebody else' });
    this.facts.set(`setting ${setting}`, value);
  }

  revisionOf(setting: string): number {
    return this.#settings.get(setting)?.revision ?? 0;
  }

  /** What is kept of all settings that there are. */
  values(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      [...this.#settings].flatMap(([name, { value }]) => (value === null ? [] : [[name, value]])),
    );
  }

  async set({ setting, value, expectedRevision, key }: SettingOrder, context: MoveContext): Promise<void> {
    const kept = this.#settings.get(setting);
    const isOurs = kept?.key === key;
    if (!isOurs && (kept?.revision ?? 0) !== expectedRevision) {
      throw new KinError('resource.conflict', `${setting} is at revision ${kept?.revision ?? 0}`);
    }
    await this.#store(setting, value, key, context);
    await this.#load(setting, context);
  }

  async unset({ setting, oldValue, key }: SettingOrder, context: MoveContext): Promise<void> {
    if (this.#settings.get(setting)?.key === key) await this.#store(setting, oldValue, `${key} undone`, context);
    await this.#load(setting, context);
  }

  async act(order: AssetOrder, context: MoveContext): Promise<void> {
    for (const { name, after } of changesOf(order)) await this.write(name, after, context);
  }

  async unact(order: AssetOrder, context: MoveContext): Promise<void> {
    for (const { name, before } of changesOf(order).toReversed()) await this.write(name, before, context);
  }

  /** An actor stands still as long as anybody holds it. */
  async suspend(actor: string, key: string, isHeld: boolean, context: MoveContext): Promise<void> {
    const holders = this.#holders.get(actor) ?? new Set();
    this.#holders.set(actor, holders);
    await this.#effect(
      context,
      `${isHeld ? 'hold' : 'let go'} ${actor}`,
      () => holders.has(key) === isHeld,
      () => (isHeld ? holders.add(key) : holders.delete(key)),
    );
    await this.write(`actor ${actor}`, holders.size > 0 ? 'stands still' : null, context);
  }

  async write(name: string, value: string | null, context: MoveContext): Promise<void> {
    await this.#effect(
      context,
      `${name} becomes ${value}`,
      () => (this.facts.get(name) ?? null) === value,
      () => (value === null ? this.facts.delete(name) : this.facts.set(name, value)),
    );
  }

  async #store(setting: string, value: string | null, key: string, context: MoveContext): Promise<void> {
    await this.#effect(
      context,
      `write ${setting}`,
      () => this.#settings.get(setting)?.key === key,
      () => {
        const revision = (this.#settings.get(setting)?.revision ?? 0) + 1;
        this.#settings.set(setting, { value, revision, key });
      },
    );
  }

  /** The processes see what is kept. */
  #load(setting: string, context: MoveContext): Promise<void> {
    return this.write(`setting ${setting}`, this.#settings.get(setting)?.value ?? null, context);
  }
}

interface Change {
  readonly name: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** What each verb does, as changes of facts in order. The old state is in the input of the order. */
function changesOf({ verb, asset, key, input }: AssetOrder): readonly Change[] {
  const from = String(input['from'] ?? '');
  const to = String(input['to'] ?? '');
  const change = (what: string, before: string | null, after: string | null) => ({
    name: `${asset} ${what}`,
    before,
    after,
  });
  switch (verb) {
    case 'terminate':
      return [change(`noted ${key}`, null, from), change(`session ${from}`, 'open', null)];
    case 'rotate':
      return [change(`valid ${to}`, null, 'yes'), change('used', from, to)];
    case 'sync-clock':
      return [change('offset', from, '0'), change('time service', 'off', 'on')];
    case 'back-up':
      return [change(`asked ${key}`, null, 'yes'), change(`backup ${key}`, null, 'whole')];
    case 'dead-letter':
      return [change(`set aside ${from}`, null, 'yes'), change(`queued ${from}`, 'yes', null)];
    case 'failover':
      return [change(`fenced ${from}`, null, 'yes'), change('primary', from, to), change('route', from, to)];
    case 'run':
      return [change(`began ${key}`, null, 'yes'), change('output', from, to)];
  }
}
