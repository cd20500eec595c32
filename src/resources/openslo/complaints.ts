import type { FieldPath } from '../field-path.ts';
import type { ManifestDocument } from '../manifest-document.ts';
import type { ManifestProblem } from '../manifest-problem.ts';

/** What is said about one SLO; paths are of its document unless another is given. */
export class Complaints {
  readonly problems: ManifestProblem[] = [];
  readonly warnings: ManifestProblem[] = [];
  readonly #document: ManifestDocument;

  constructor(document: ManifestDocument) {
    this.#document = document;
  }

  refuse(path: FieldPath, message: string, document = this.#document): undefined {
    this.problems.push(document.problemAt({ path, message }));
    return undefined;
  }

  warn(path: FieldPath, message: string, document = this.#document): void {
    this.warnings.push(document.problemAt({ path, message }));
  }
}
