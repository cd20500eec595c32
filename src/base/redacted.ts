import { inspect } from 'node:util';

const MASK = '<redacted>';

/**
 * A secret or a personal datum that cannot be printed by accident: string conversion, JSON, `util.inspect` and template
 * literals all give `<redacted>`. `reveal` is the one way out and is easy to search for.
 */
export class Redacted<T> {
  readonly #value: T;
  constructor(value: T) {
    this.#value = value;
  }
  /** The value itself. Only for handing it to the one who needs it, never for a message, a log line or a record. */
  reveal(): T {
    return this.#value;
  }
  toString(): string {
    return MASK;
  }
  toJSON(): string {
    return MASK;
  }
  [inspect.custom](): string {
    return MASK;
  }
}
