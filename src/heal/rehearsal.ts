import type { JsonObject } from '../base/json.ts';
import type { MoveName } from '../resources/playbook.ts';
import type { Fleet } from './fleet.ts';
import type { Move } from './move.ts';
import type { Plan } from './plan.ts';

/** A call that a step would make to the world. */
export interface RehearsedCall {
  readonly moveIndex: number;
  /** Name in the `Fleet` port: `replace`, `set`, `mitigate`. */
  readonly call: keyof Fleet;
  readonly order: JsonObject;
}

/**
 * What a plan would do, step by step: every move runs as it does in a repair, on a fleet that writes down what it is
 * asked for and does nothing. What a step would only do after an answer of the world is not in it, for there is none.
 */
export async function rehearse(plan: Plan, moves: ReadonlyMap<MoveName, Move>): Promise<readonly RehearsedCall[]> {
  const calls: RehearsedCall[] = [];
  for (const [moveIndex, step] of plan.steps.entries()) {
    const fleet = noteOnly((call, order) => void calls.push({ moveIndex, call, order }));
    const never = new AbortController().signal;
    await moves
      .get(step.move)
      ?.apply(step.input, { key: `${plan.id}:${moveIndex}:rehearsal`, epoch: 0, signal: never, fleet });
  }
  return calls;
}

function noteOnly(note: (call: keyof Fleet, order: JsonObject) => void): Fleet {
  const noting = (call: keyof Fleet) => async (order: unknown) => {
    note(call, typeof order === 'string' ? { id: order } : (structuredClone(order) as JsonObject));
  };
  const telling = (call: keyof Fleet) => async (order: unknown) => {
    await noting(call)(order);
    return {};
  };
  return {
    replace: noting('replace'),
    undoReplace: noting('undoReplace'),
    setTarget: noting('setTarget'),
    vacate: noting('vacate'),
    set: noting('set'),
    unset: noting('unset'),
    act: telling('act'),
    unact: noting('unact'),
    suspend: noting('suspend'),
    mitigate: noting('mitigate'),
    liftMitigation: noting('liftMitigation'),
    scale: noting('scale'),
    scaleIn: noting('scaleIn'),
    undoScaleIn: noting('undoScaleIn'),
    async page(message) {
      note('page', { ...message });
      return { delivered: false };
    },
  };
}
