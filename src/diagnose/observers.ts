import { oncePer } from '../base/once-per.ts';
import type { Symptom, SymptomName } from '../detect/symptom.ts';
import type { Symptoms } from '../detect/symptoms.ts';
import { named, placeOf } from './claims.ts';
import { accuse, occupants, type Rule, type Scene } from './scene.ts';

/** One contradiction may be chance, or a process that is only half alive. */
const CONTRADICTED_MIN = 2;
/** Of what a vantage says, so much must be contradicted before the rest is doubted too. */
const SHARE_MIN = 0.5;

/**
 * A vantage says that instances are down while they answer requests, quickly and well: then it is the vantage, and nothing
 * that it alone says is acted on. What the gateways and the keeper see stays.
 */
export const observers: Rule = (scene) => {
  const [exploding] = named(scene.left, ['series-exploding']);
  // What somebody makes up blinds nobody, and no move would stop it: a person is told.
  if (exploding) {
    const { subject, reason: summary } = exploding;
    return accuse({ cause: 'observer', subject, workload: null, summary }, [exploding], []);
  }
  const down = named(scene.left, ['probe-failed', 'hung']);
  const vantages = new Set(down.flatMap((each) => each.vantages));
  for (const vantage of vantages) {
    const said = down.filter((each) => each.vantages.length === 1 && each.vantages[0] === vantage);
    const instances = instancesOf(said);
    const contradicted = instancesOf(said.filter((each) => isContradicted(each, scene)));
    const isDoubted = said.length > 0 && said.every(({ evidence }) => evidence['doubted'] === true);
    if (!isDoubted && (contradicted < CONTRADICTED_MIN || contradicted < SHARE_MIN * instances)) continue;
    const all = occupants(scene.fleet).length;
    const but = isDoubted ? 'others that it said that of answered' : `${contradicted} of these answer`;
    const summary = `${vantage} says that ${instances} of ${all} instances are down, and ${but} requests`;
    return accuse({ cause: 'observer', subject: { kind: 'actor', name: vantage }, workload: null, summary }, said, []);
  }
  return undefined;
};

const TROUBLED: readonly SymptomName[] = [
  'overloaded',
  'workload-slow',
  'workload-errors',
  'instance-slow',
  'instance-errors',
];

const troubledPlaces = oncePer((all: Symptoms) => new Set(named(all, TROUBLED).map(placeOf)));

/** It answers, and whoever asks it has nothing to complain of: who has too much to do answers its probes last. */
function isContradicted(symptom: Symptom, { all }: Scene): boolean {
  const place = placeOf(symptom);
  const isTroubled = troubledPlaces(all).has(place);
  return symptom.evidence['answers'] === true && !isTroubled;
}

function instancesOf(symptoms: readonly Symptom[]): number {
  return new Set(symptoms.map(({ subject }) => subject.name)).size;
}
