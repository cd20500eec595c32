import type { OwnWords } from '../../evidence/own-words.ts';

/**
 * A copy of an answer without the names of other tenants: an item of a list or a field that is such a name goes, in
 * sentences it becomes "another tenant". What is about others has no place in the answer to begin with; this is the lock
 * behind that door.
 */
export function ownOnly(answer: unknown, words: OwnWords): unknown {
  if (typeof answer === 'string') return words.without(answer);
  if (Array.isArray(answer)) return answer.filter((each) => !isOther(each, words)).map((each) => ownOnly(each, words));
  if (typeof answer !== 'object' || answer === null) return answer;
  const fields = Object.entries(answer).filter(([name]) => !words.namesOther(name));
  return Object.fromEntries(fields.map(([name, value]) => [name, ownOnly(value, words)]));
}

function isOther(item: unknown, words: OwnWords): boolean {
  return typeof item === 'string' && words.namesOther(item) && words.without(item) === 'another tenant';
}
