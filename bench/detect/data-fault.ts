/** A data file that is not what its layout promises. The bench refuses it whole: a row that is left out moves all scores. */
export class DataFault extends Error {
  override readonly name = 'DataFault';

  /** `line` is counted from 1; 0 when the fault is of the whole file. */
  constructor(path: string, line: number, what: string) {
    super(line > 0 ? `${path}:${line}: ${what}` : `${path}: ${what}`);
  }
}
