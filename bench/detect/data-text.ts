import { readFileSync, statSync } from 'node:fs';
import { DataFault } from './data-fault.ts';

/** More than any public corpus; what is larger was given by mistake. */
const BYTES_MAX = 512 * 1024 * 1024;

/** The lines of a file, without a mark of the byte order and without an empty last one. Throws `DataFault`. */
export function readLines(path: string): string[] {
  const lines = readText(path).split(/\r\n|\n|\r/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** The text of a file. Throws `DataFault` where it cannot be read, is too large, or is no UTF-8 text. */
export function readText(path: string): string {
  try {
    const { size } = statSync(path);
    if (size > BYTES_MAX) throw new DataFault(path, 0, `it has ${size} bytes, more than ${BYTES_MAX}`);
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    if (error instanceof DataFault) throw error;
    const why = error instanceof TypeError ? 'it is no UTF-8 text' : `it cannot be read: ${(error as Error).message}`;
    throw new DataFault(path, 0, why);
  }
}

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const CELL_SHOWN = 40;

/** A number as data files write it: decimal and finite. Throws `DataFault` with the line. */
export function decimalOf(cell: string, path: string, line: number): number {
  const value = DECIMAL.test(cell.trim()) ? Number(cell) : Number.NaN;
  if (!Number.isFinite(value)) throw new DataFault(path, line, `"${shown(cell)}" is no number`);
  return value;
}

/** The beginning of a cell, without what a terminal would obey. */
export function shown(cell: string): string {
  const plain = cell.replace(/\p{Cc}/gu, '?');
  return plain.length > CELL_SHOWN ? `${plain.slice(0, CELL_SHOWN)}...` : plain;
}
