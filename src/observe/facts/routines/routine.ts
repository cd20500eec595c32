import type { Token } from './sql-tokens.ts';

/** A function, or a view, which reads in the same way. */
export interface Routine {
  readonly oid: number;
  /** Quoted, and with the types of its arguments. */
  readonly label: string;
  readonly schema: string;
  readonly name: string;
  readonly kind: 'function' | 'view';
  readonly language: string;
  readonly body: string;
  /** Runs with the rights of its owner, not of who calls. */
  readonly isDefiner: boolean;
  readonly owner: number;
  readonly argumentNames: readonly string[];
  /** Of each, by its place. */
  readonly argumentTypes: readonly string[];
  readonly argumentsMin: number;
  readonly argumentsMax: number;
  /** Settings that it sets for itself: `app.tenant=x`. */
  readonly config: readonly string[];
}

/** A table with rows of tenants, and whom its policies do not bind. */
export interface GuardedTable {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly settings: readonly string[];
  readonly columns: readonly string[];
  /** Functions without arguments by which its policies are told who asks; `session_user` where they read that. */
  readonly tellers: readonly string[];
  readonly unbound: readonly number[];
}

/** What a routine does with rows of tenants: nothing of others, all of them, or what nobody can read in it. */
export type Reading = 'apart' | 'past' | 'unread';

export type Statement = readonly Token[];
