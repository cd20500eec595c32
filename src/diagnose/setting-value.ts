import type { SettingView } from './fleet-view.ts';

const LENGTH_MAX = 40;

/**
 * How a value of a setting appears in texts that go on record, into logs and to people outside. What a tenant wrote into
 * its own configuration may be anything, a secret or somebody's name too, so `otherwise` stands for it: who and which key
 * is enough to find it. Where a tenant is routed to is no secret, and who approves that has to see it.
 */
export function valueForPeople(setting: SettingView, value: string | null, otherwise: string): string {
  if (value === null) return 'absent';
  if (setting.tenant !== null && setting.kind === 'config') return otherwise;
  // Policies of a table are a page of SQL.
  if (setting.kind === 'policy' && value.length > LENGTH_MAX) return otherwise;
  return value.length <= LENGTH_MAX ? value : `${value.slice(0, LENGTH_MAX)}...`;
}
