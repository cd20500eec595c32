import type { Json, JsonObject } from '../base/json.ts';
import type { Dossier } from './dossier.ts';
import { uuid5 } from './uuid5.ts';

const NAMESPACE = 'https://kintsugi.dev/ns/oscal';

/** Gives every part of one document its id. */
export class Paper {
  readonly dossier: Dossier;
  readonly #name: string;

  constructor(dossier: Dossier) {
    this.dossier = dossier;
    this.#name = [dossier.ledger, dossier.tenant.name, dossier.framework.name, dossier.from, dossier.to].join(' ');
  }

  id(...part: readonly string[]): string {
    return uuid5([this.#name, ...part].join(' '));
  }
}

/** A property of our own. */
export function prop(name: string, value: string): JsonObject {
  return { name, ns: NAMESPACE, value };
}

/** A list under its name; nothing when it is empty: OSCAL refuses empty lists. */
export function list(name: string, items: readonly JsonObject[]): Record<string, Json> {
  return items.length === 0 ? {} : { [name]: [...items] };
}

/** Whoever says something in the document: our tool. */
export function originOf(paper: Paper): JsonObject {
  return { actors: [{ type: 'tool', 'actor-uuid': paper.id('tool') }] };
}
