import { named } from './claims.ts';
import { accuse, type Rule } from './scene.ts';

/**
 * What has not failed yet and will: load that is coming, a level that reaches its limit. Of an instance that is a matter
 * of the instance itself; that a tenant comes near what it may send is told, and is nobody's fault. After everything that is felt already: who is sick now is healed first.
 */
export const foreseen: Rule = ({ left }) => {
  const claim = named(left, ['load-ahead', 'exhausting']).find(
    ({ subject }) => subject.kind !== 'instance' && subject.kind !== 'tenant',
  );
  if (claim === undefined) return undefined;
  const { name, subject, reason } = claim;
  const workload = subject.kind === 'workload' ? subject.name : null;
  const cause = name === 'load-ahead' ? 'demand' : 'resource';
  return accuse({ cause, subject, workload, summary: reason }, [claim], []);
};
