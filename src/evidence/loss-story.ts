import type { JsonObject } from '../base/json.ts';
import type { LedgerEvent } from '../ledger/entry.ts';
import type { LossRecord, NoticeRecord } from './dossier.ts';
import type { OwnWords } from './own-words.ts';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type Draft = Mutable<Omit<LossRecord, 'notices' | 'entries'>> & {
  readonly notices: Map<string, Mutable<NoticeRecord>>;
  readonly entries: string[];
};

/** Reads what the ledger tells of the losses of one tenant: how each began, and what became of it. No word of a person. */
export class LossStory {
  readonly #tenant: string;
  readonly #words: OwnWords;
  readonly #losses = new Map<string, Draft>();

  constructor(tenant: string, words: OwnWords) {
    this.#tenant = tenant;
    this.#words = words;
  }

  /** An entry whose type begins with `breach.`; those of other tenants are passed over. */
  take({ id, at, type, subject, tenant, data }: LedgerEvent): void {
    if (tenant !== this.#tenant) return;
    const kind = type.slice('breach.'.length);
    const known = this.#losses.get(subject) ?? opened(subject, at, data, this.#words);
    this.#losses.set(subject, known);
    known.entries.push(id);
    turn(known, kind, at, data);
  }

  /** Those that were standing between the two times, ISO 8601; oldest first. */
  done(from: string, to: string): readonly LossRecord[] {
    return [...this.#losses.values()]
      .filter(({ detectedAt, closedAt, endedAt }) => detectedAt <= to && (later(closedAt, endedAt) ?? to) >= from)
      .map(({ notices, ...loss }) => ({ ...loss, notices: [...notices.values()] }));
  }
}

/** A loss is over once it was closed and what was lost is there again. */
function later(closedAt: string | null, endedAt: string | null): string | null {
  if (closedAt === null || endedAt === null) return null;
  return closedAt > endedAt ? closedAt : endedAt;
}

/** Whoever was found to be touched later hears of it by another entry than the first. */
function opened(id: string, at: string, data: JsonObject, words: OwnWords): Draft {
  const text = (name: string) => (typeof data[name] === 'string' ? data[name] : null);
  return {
    id,
    loss: text('loss') ?? 'unknown',
    what: words.without(text('what') ?? ''),
    detectedAt: text('detectedAt') ?? at,
    incident: text('incident'),
    awareAt: null,
    endedAt: null,
    closedAt: null,
    drill: null,
    notices: new Map(),
    entries: [],
  };
}

function turn(loss: Draft, kind: string, at: string, data: JsonObject): void {
  const text = (name: string) => (typeof data[name] === 'string' ? data[name] : null);
  const clocks = Array.isArray(data['clocks']) ? data['clocks'].map(String) : [];
  switch (kind) {
    case 'opened':
    case 'touched':
      for (const control of clocks) noticeOf(loss, control);
      return;
    case 'aware':
      loss.awareAt ??= text('awareAt') ?? at;
      if (data['isReal'] === true) loss.drill = null;
      return;
    case 'decided':
      for (const control of clocks) Object.assign(noticeOf(loss, control), { choice: text('choice'), decidedAt: at });
      return;
    case 'sent':
      for (const control of clocks) noticeOf(loss, control).sentAt ??= text('sentAt') ?? at;
      return;
    case 'missed':
      for (const control of clocks) noticeOf(loss, control).missedAt ??= at;
      return;
    case 'drill':
      loss.drill = text('drill');
      return;
    case 'closed':
      loss.closedAt = at;
      return;
    case 'ended':
      loss.endedAt = text('endedAt') ?? at;
      return;
    case 'recurred':
      loss.endedAt = null;
  }
}

function noticeOf(loss: Draft, control: string): Mutable<NoticeRecord> {
  const known = loss.notices.get(control) ?? { control, choice: null, decidedAt: null, sentAt: null, missedAt: null };
  loss.notices.set(control, known);
  return known;
}
