/** What a bench found: one document for programs, the same as text for people. */
export interface Finding {
  readonly report: unknown;
  readonly text: string;
}

/** One comparison. `npm run bench -- NAME` finds it in the table of `main.ts`. */
export interface Bench {
  readonly name: string;
  /** Options of its own, without `--json`. */
  readonly synopsis: string;
  /** Lines of help, indented by two. */
  readonly help: string;
  /** Throws `usage.invalid` for arguments that it does not know, `DataFault` for data that it refuses. */
  run(
    args: readonly string[],
    run: { readonly signal: AbortSignal; readonly progress: (line: string) => void },
  ): Promise<Finding>;
}
