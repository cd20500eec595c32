import type { Symptom } from '../detect/symptom.ts';
import { accuse, named, occupants, type Rule } from './scene.ts';

const SHARE_MIN = 0.5;
const INSTANCES_MIN = 3;

/**
 * One vantage says that most are down while requests are answered: then it is the vantage. Only what its probes say is
 * explained by it; what the gateways and the keeper see stays.
 */
export const observers: Rule = (scene) => {
  const down = named(scene.left, ['probe-failed', 'hung']);
  const vantages = new Set(down.flatMap((each) => each.vantages));
  const all = occupants(scene.fleet).length;
  for (const vantage of vantages) {
    const said = down.filter((each) => each.vantages.length === 1 && each.vantages[0] === vantage);
    const instances = instancesOf(said);
    const answering = instancesOf(said.filter((each) => each.evidence['answers'] === true));
    if (instances < INSTANCES_MIN || instances < SHARE_MIN * all || answering < SHARE_MIN * instances) continue;
    const summary = `${vantage} says that ${instances} of ${all} instances are down, and ${answering} of these answer requests`;
    return accuse({ cause: 'observer', subject: { kind: 'actor', name: vantage }, workload: null, summary }, said, []);
  }
  return undefined;
};

function instancesOf(symptoms: readonly Symptom[]): number {
  return new Set(symptoms.map(({ subject }) => subject.name)).size;
}
