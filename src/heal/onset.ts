import type { Diagnosis } from '../diagnose/diagnosis.ts';
import type { SettingChange, SettingView, VersionView } from '../diagnose/fleet-view.ts';

/**
 * When the trouble began, as far as anybody saw: the window of the incident reaches from there until now. What was
 * written inside of it proves nothing, however long it has stood since. Infinity without evidence.
 */
export function onsetOf(diagnosis: Pick<Diagnosis, 'evidence'>): number {
  return Math.min(Number.POSITIVE_INFINITY, ...diagnosis.evidence.map((each) => each.since));
}

/** Values that had served long enough before `onset`, newest first. The present one is none of them. */
export function goodValues(setting: SettingView, onset: number): readonly SettingChange[] {
  const earlier = setting.history.filter(
    (change) =>
      change.soakedAt !== null && change.at < onset && change.soakedAt <= onset && change.value !== setting.value,
  );
  return earlier.toReversed();
}

/** Whether a version had served long enough before `onset`, and nobody went back from it. */
export function isGoodVersion(version: VersionView, onset: number): boolean {
  return version.promotedAt !== null && version.promotedAt <= onset && version.rejectedAt === null;
}

/** What a protection or a grant that is not given is called. */
const OFF: ReadonlySet<string | null> = new Set([null, '', '0', 'off', 'false', 'no', 'none', 'disabled']);

/**
 * Why going to a value is no repair, however well it once served: it leaves what people declared, or it takes away a
 * protection or a grant that is there. Whoever is kept out by those is kept out by intention, until a person says
 * otherwise. Undefined when nothing speaks against it.
 */
export function whyNotTo({ id, kind, value: now, declared }: SettingView, value: string | null): string | undefined {
  if (value === now) return undefined;
  if (declared !== undefined && declared === now) return `${id} is as it was declared`;
  const isGuarding = kind === 'protection' || kind === 'grant';
  return isGuarding && OFF.has(value) && !OFF.has(now) ? `${id} would no longer protect or permit` : undefined;
}
