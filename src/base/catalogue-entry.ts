/** When a caller may try again. Retry policy is read from the error, never decided at the call site. */
export type Retry = 'soon' | 'after-backoff' | 'never';

export interface CatalogueEntry {
  /** What happened, in a few words. */
  readonly title: string;
  /** What the reader should do next. */
  readonly remedy: string;
  readonly retry: Retry;
  /** HTTP status where the fault leaves through an API. */
  readonly status: number;
  /** Exit code of the CLI, after sysexits.h where it has one. */
  readonly exit: number;
}
