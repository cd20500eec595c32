import { stripVTControlCharacters } from 'node:util';

/** `right` is for numbers, so that their digits stand below each other. */
export interface Column {
  readonly title: string;
  readonly align?: 'right';
}

const GAP = '  ';

/** Aligned columns with a line of titles, each line ended. Styled cells are aligned by what is seen of them. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const titles = columns.map(({ title }) => title.toUpperCase());
  return renderRows([titles, ...rows], columns);
}

/** The same without titles. */
export function renderRows(rows: readonly (readonly string[])[], columns: readonly Partial<Column>[] = []): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, widthOf(cell));
  }
  return rows.map((row) => `${renderRow(row, widths, columns)}\n`).join('');
}

function renderRow(row: readonly string[], widths: readonly number[], columns: readonly Partial<Column>[]): string {
  const cells = row.map((cell, at) => {
    const space = ' '.repeat((widths[at] ?? 0) - widthOf(cell));
    return columns[at]?.align === 'right' ? space + cell : cell + space;
  });
  return cells.join(GAP).trimEnd();
}

/** Characters that a terminal shows of a text. */
export function widthOf(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

/** A text in at most `width` characters, its end replaced by an ellipsis. */
export function clip(text: string, width: number): string {
  return widthOf(text) <= width
    ? text
    : `${[...stripVTControlCharacters(text)].slice(0, Math.max(0, width - 1)).join('')}…`;
}
