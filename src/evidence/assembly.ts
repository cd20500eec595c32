import { fromIso, toIso } from '../base/clock.ts';
import type { Json } from '../base/json.ts';
import type { ControlRecord, Dossier } from './dossier.ts';
import type { Story, StoryScope } from './story.ts';
import { spansOf } from './timeline.ts';

/** How a tenant stands under a framework at this moment, as the control process tells it. */
export interface Standing {
  readonly tenant: Dossier['tenant'];
  readonly framework: Dossier['framework'];
  /** Names of all tenants: none but its own is in a report. */
  readonly tenants: readonly string[];
  /** The framework as it is judged by. */
  readonly profile: Json;
  readonly controls: readonly Omit<ControlRecord, 'status' | 'spans' | 'entries'>[];
}

export interface Making {
  readonly madeAt: string;
  readonly madeBy: string;
  readonly ledger: string;
}

/**
 * The dossier of a period: what the ledger tells of it, beside what the controls ask for. Results are those on record;
 * of the measurements, those within the period.
 */
export function dossierOf(standing: Standing, story: Story, scope: StoryScope, making: Making): Dossier {
  const { from, to } = scope;
  const controls = standing.controls.map((control): ControlRecord => {
    const told = story.turns.get(control.id);
    const spans = spansOf(told?.turns ?? [], from, to);
    const observations = control.observations.filter(
      ({ measuredAt }) => measuredAt === null || (fromIso(measuredAt) >= from && fromIso(measuredAt) <= to),
    );
    return { ...control, status: spans.at(-1)?.status ?? 'unknown', spans, observations, entries: told?.entries ?? [] };
  });
  const { tenant, framework } = standing;
  const { incidents, drills } = story;
  return { version: 1, tenant, framework, from: toIso(from), to: toIso(to), ...making, controls, incidents, drills };
}
