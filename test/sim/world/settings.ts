import { KinError } from '../../../src/base/errors.ts';
import type { SettingChange, SettingView } from '../../../src/diagnose/fleet-view.ts';
import type { SettingWords } from './words.ts';

/** A value that stands this long while the tenants are served well counts as good. */
const SOAK_MS = 1_800_000;

interface Setting {
  readonly id: string;
  readonly words: SettingWords;
  value: string | null;
  revision: number;
  history: readonly SettingChange[];
  /** Key of the write that made the present value, so that its repetition and its undo are known. */
  key: string | null;
}

export interface Write {
  readonly at: number;
  readonly setting: string;
  readonly value: string | null;
  readonly by: string;
}

/** Everything that somebody can change, with who changed it when. */
export class Settings {
  readonly #settings = new Map<string, Setting>();
  readonly writes: Write[] = [];
  /** Called after each change of a value. */
  onWrite: (write: Write) => void = () => undefined;

  constructor(words: Readonly<Record<string, SettingWords>>, startAt: number) {
    for (const [id, each] of Object.entries(words)) this.#settings.set(id, toSetting(id, each, startAt));
  }

  has(id: string): boolean {
    return this.#settings.has(id);
  }

  value(id: string): string | null {
    return this.#settings.get(id)?.value ?? null;
  }

  number(id: string): number | undefined {
    const value = this.value(id);
    const number = value === null ? Number.NaN : Number.parseFloat(value);
    return Number.isFinite(number) ? number : undefined;
  }

  needsRestart(id: string): boolean {
    return this.#settings.get(id)?.words.needsRestart ?? false;
  }

  declared(id: string): string | null | undefined {
    return this.#settings.get(id)?.words.declared;
  }

  /** What people declared, or else what stood at the start. */
  meant(id: string): string | null {
    const words = this.#settings.get(id)?.words;
    return words?.declared ?? words?.value ?? null;
  }

  kindOf(id: string): SettingWords['kind'] | undefined {
    return this.#settings.get(id)?.words.kind;
  }

  /** Somebody writes, at will. The present value again changes nothing. */
  write(id: string, value: string | null, by: string, at: number, key: string | null = null): void {
    const setting = this.#settings.get(id) ?? this.#appear(id);
    if (setting.value === value && key === null) return;
    setting.value = value;
    setting.revision++;
    setting.key = key;
    setting.history = [...setting.history, { value, at, by, soakedAt: null }].slice(-20);
    const write = { at, setting: id, value, by };
    this.writes.push(write);
    this.onWrite(write);
  }

  /** Writes if the revision is the expected one, or says what stands against it. Once per key. */
  compareAndSet(
    order: { setting: string; value: string | null; expectedRevision: number; key: string },
    by: string,
    at: number,
  ): boolean {
    const setting = this.#settings.get(order.setting);
    if (!setting) throw new KinError('resource.unknown', `there is no setting ${order.setting}`);
    if (setting.key === order.key) return false;
    if (setting.revision !== order.expectedRevision) {
      throw new KinError(
        'resource.conflict',
        `${order.setting} is at revision ${setting.revision}, not ${order.expectedRevision}`,
      );
    }
    this.write(order.setting, order.value, by, at, order.key);
    return true;
  }

  /** Takes a write back if it was the last one. */
  takeBack(order: { setting: string; oldValue: string | null; key: string }, by: string, at: number): boolean {
    if (this.#settings.get(order.setting)?.key !== order.key) return false;
    this.write(order.setting, order.oldValue, by, at, `${order.key} undone`);
    return true;
  }

  /** What a process of the workload takes along when it starts. */
  snapshotFor(workload: string): ReadonlyMap<string, string | null> {
    const taken = new Map<string, string | null>();
    for (const { id, words, value } of this.#settings.values()) {
      if (!words.needsRestart) continue;
      if (words.workloads.length === 0 || words.workloads.includes(workload)) taken.set(id, value);
    }
    return taken;
  }

  /** While tenants are served well, values grow into known-good ones; trouble starts their soak again. */
  soak(at: number, troubleAt: number): void {
    for (const setting of this.#settings.values()) {
      const last = setting.history.at(-1);
      if (!last || last.soakedAt !== null || at - Math.max(last.at, troubleAt) < SOAK_MS) continue;
      setting.history = [...setting.history.slice(0, -1), { ...last, soakedAt: at }];
    }
  }

  views(): readonly SettingView[] {
    return [...this.#settings.values()].map(({ id, words, value, revision, history }) => ({
      id,
      kind: words.kind,
      workloads: words.workloads,
      tenant: words.tenant,
      revision,
      value,
      declared: words.declared,
      needsRestart: words.needsRestart,
      history,
    }));
  }

  values(): Readonly<Record<string, string | null>> {
    return Object.fromEntries([...this.#settings.values()].map(({ id, value }) => [id, value]));
  }

  #appear(id: string): Setting {
    const workload = id.split('/')[0]!;
    const words: SettingWords = {
      kind: 'config',
      value: null,
      age: 0,
      by: 'person operator',
      soaked: true,
      workloads: [workload],
      tenant: null,
      needsRestart: false,
      history: [],
    };
    const setting: Setting = { id, words, value: null, revision: 1, history: [], key: null };
    this.#settings.set(id, setting);
    return setting;
  }
}

function toSetting(id: string, words: SettingWords, startAt: number): Setting {
  const changes = [...words.history, words].map(({ value, age, by, soaked }) => ({
    value,
    at: startAt - age,
    by,
    soakedAt: soaked ? startAt - age + Math.min(age, SOAK_MS) : null,
  }));
  const history = changes.filter(
    (each, i) => i === 0 || each.value !== changes[i - 1]!.value || each.at !== changes[i - 1]!.at,
  );
  return { id, words, value: words.value, revision: history.length, history, key: null };
}
