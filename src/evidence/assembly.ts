import { fromIso, toIso } from '../base/clock.ts';
import type { Json } from '../base/json.ts';
import type { ControlRecord, Dossier, ExceptionRecord } from './dossier.ts';
import { OwnWords } from './own-words.ts';
import type { Story, StoryScope } from './story.ts';
import { spansOf } from './timeline.ts';
import { type MeasuredViolation, violationsOf } from './violation-story.ts';

/** How a tenant stands under a framework at this moment, as the control process tells it. */
export interface Standing {
  readonly tenant: Dossier['tenant'];
  readonly framework: Dossier['framework'];
  readonly operator: string | null;
  /** Names of all tenants: none but its own is in a report. */
  readonly tenants: readonly string[];
  /** The framework as it is judged by. */
  readonly profile: Json;
  readonly controls: readonly Omit<ControlRecord, 'status' | 'spans' | 'entries'>[];
  /** Of the period that was asked for. */
  readonly violations: readonly MeasuredViolation[];
  readonly exceptions: readonly ExceptionRecord[];
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
  const words = new OwnWords(standing.tenant.name, standing.tenants);
  const controls = standing.controls.map((control): ControlRecord => {
    const told = story.turns.get(control.id);
    const spans = spansOf(told?.turns ?? [], from, to);
    const observations = control.observations
      .filter(({ measuredAt }) => measuredAt === null || (fromIso(measuredAt) >= from && fromIso(measuredAt) <= to))
      .map((each) => ({ ...each, text: words.without(each.text) }));
    return { ...control, status: spans.at(-1)?.status ?? 'unknown', spans, observations, entries: told?.entries ?? [] };
  });
  const { tenant, framework, operator, exceptions } = standing;
  const { incidents, refusals, losses, drills } = story;
  const period = { from: toIso(from), to: toIso(to) };
  const violations = violationsOf(controls, standing.violations, incidents, period);
  const told = { controls, violations, incidents, refusals, losses, drills, exceptions };
  return { version: 3, tenant, framework, operator, ...period, ...making, ...told };
}

/**
 * The dossier with the transcripts that are there. One that is gone, or that names another tenant, is left out, and its
 * observation then points to none: a digest without its bytes proves nothing.
 */
export function withTranscripts(
  dossier: Dossier,
  read: (digest: string) => Uint8Array | undefined,
  words: OwnWords,
): { readonly dossier: Dossier; readonly transcripts: ReadonlyMap<string, Uint8Array> } {
  const transcripts = new Map<string, Uint8Array>();
  const digests = dossier.controls.flatMap(({ observations }) =>
    observations.flatMap(({ transcript }) => transcript ?? []),
  );
  for (const digest of new Set(digests)) {
    const bytes = read(digest);
    const text = bytes && Buffer.from(bytes).toString('utf8');
    if (bytes && text !== undefined && !words.namesOther(text)) transcripts.set(digest, bytes);
  }
  const controls = dossier.controls.map((control) => ({
    ...control,
    observations: control.observations.map((each) => {
      const isThere = each.transcript !== null && transcripts.has(each.transcript);
      return isThere ? each : { ...each, transcript: null };
    }),
  }));
  return { dossier: { ...dossier, controls }, transcripts };
}
