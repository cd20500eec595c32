import { isOwnProcess } from '../detect/own-process.ts';
import { conditionsNamed } from './condition-effects.ts';
import { accuse, type Rule } from './scene.ts';

/** A process of Kintsugi's own that hung: the keeper has killed it, and what it did for others meanwhile is not there. */
export const ownProcesses: Rule = (scene) => {
  const claim = conditionsNamed('blocked', scene).find(({ subject }) => isOwnProcess(subject.name));
  if (!claim) return undefined;
  const { subject, reason: summary } = claim;
  return accuse({ cause: 'instance-hung', subject, workload: null, summary }, [claim], []);
};
