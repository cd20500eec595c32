/**
 * Keeps the names of other tenants out of what one tenant is given. A name counts as a word of its own, not as a part of a
 * longer one.
 */
export class OwnWords {
  readonly #own: string;
  readonly #others: ReadonlySet<string>;

  constructor(tenant: string, tenants: readonly string[]) {
    this.#own = tenant;
    this.#others = new Set(tenants.filter((each) => each !== tenant));
  }

  /** Whether the text names the tenant itself. */
  namesOwn(text: string): boolean {
    return wordsOf(text).includes(this.#own);
  }

  /** Whether the text names another tenant. */
  namesOther(text: string): boolean {
    return wordsOf(text).some((word) => this.#others.has(word));
  }

  /**
   * Whether an incident concerns the tenant: it touched it, or names it, or nobody can say whom it touched and it is not about
   * another one.
   */
  concern({ tenants, subject, summary }: { tenants: ReadonlySet<string>; subject: string; summary: string }): boolean {
    if (tenants.has(this.#own) || this.namesOwn(subject) || this.namesOwn(summary)) return true;
    return tenants.size === 0 && !this.namesOther(subject);
  }

  /** The text without the names of others. */
  without(text: string): string {
    return text.replace(WORD, (word) => (this.#others.has(word) ? 'another tenant' : word));
  }
}

const WORD = /[\w-]+/g;

function wordsOf(text: string): readonly string[] {
  return text.match(WORD) ?? [];
}
