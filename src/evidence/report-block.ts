import type { ControlStatus, Span } from './dossier.ts';

/** A piece of a report, said without a form: the page and the PDF are two renderings of the same pieces. */
export type Block =
  | { readonly kind: 'heading'; readonly level: 1 | 2 | 3; readonly text: string; readonly anchor: string | null }
  | { readonly kind: 'text'; readonly text: string }
  /** A line of links behind a few words. */
  | { readonly kind: 'links'; readonly text: string; readonly links: readonly Cell[] }
  | {
      readonly kind: 'table';
      readonly caption: string;
      readonly head: readonly string[];
      readonly rows: readonly (readonly Cell[])[];
    }
  /** How many of each, as one bar. */
  | { readonly kind: 'shares'; readonly caption: string; readonly parts: readonly Share[] }
  /** How a control stood over the period, as one bar. */
  | {
      readonly kind: 'timeline';
      readonly caption: string;
      readonly from: string;
      readonly to: string;
      readonly spans: readonly Span[];
    };

export interface Cell {
  readonly text: string;
  /** Shown beside the text, never by colour alone. */
  readonly status?: ControlStatus;
  /** An anchor of the report, a file of the bundle, or a published text. */
  readonly href?: string;
}

export interface Share {
  readonly status: ControlStatus;
  readonly count: number;
}

/** The words for people; the same everywhere in a report. */
export const STATUS_WORDS: Readonly<Record<ControlStatus, string>> = {
  satisfied: 'satisfied',
  'not-satisfied': 'not satisfied',
  unknown: 'not determined',
};

/** A heading; with an anchor it can be linked to. */
export function heading(level: 1 | 2 | 3, text: string, anchor: string | null = null): Block {
  return { kind: 'heading', level, text, anchor };
}

/** A paragraph. */
export function text(said: string): Block {
  return { kind: 'text', text: said };
}

/** A table; a cell that is a plain text has no status and no link. */
export function table(caption: string, head: readonly string[], rows: readonly (readonly (Cell | string)[])[]): Block {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? { text: cell } : cell)));
  return { kind: 'table', caption, head, rows: cells };
}

/** `2026-11-20 08:15:00`, to the second as people read it; milliseconds where they are not zero. */
export function moment(iso: string): string {
  return iso.replace('T', ' ').replace(/(\.000)?Z$/, '');
}
