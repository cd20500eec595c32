import { writeDurably } from '../base/durable-file.ts';
import { canonicalJson, type JsonObject } from '../base/json.ts';

/** One JSON file that workloads read again whenever it changes: written whole, and only when what is in it is another. */
export class PublishedFile {
  readonly #path: string;
  #text = '';

  constructor(path: string) {
    this.#path = path;
  }

  /** Throws `state.unwritable`; readers keep what they have. */
  publish(content: JsonObject): void {
    const text = `${canonicalJson(content)}\n`;
    if (text === this.#text) return;
    writeDurably(this.#path, text);
    this.#text = text;
  }
}
