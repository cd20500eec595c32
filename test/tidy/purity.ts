import { isTest } from './layers.ts';
import type { Source } from './source.ts';

/** Judgement without a world: the same input gives the same output, so an incident can be replayed before an auditor. */
const PURE = /^src\/(?:(?:detect|diagnose|comply)\/|heal\/(?:decide|guards))/;

const WORLD = ['process', 'fetch', 'console', 'crypto', 'performance', 'WebSocket', 'systemClock', 'systemRandom'];

/** Types that would hand time or chance to a pure function; it takes `now` as a number instead. */
const EFFECTS = ['Clock', 'Random'];

/** What pure code reads from the world, directly or through what it loads. */
export function purityComplaints(sources: readonly Source[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  return sources
    .filter(({ path }) => PURE.test(path) && !isTest(path))
    .flatMap((source) => [...effectComplaints(source), ...reachComplaints(source, byPath)]);
}

function effectComplaints({ path, imports, uses }: Source): string[] {
  const names = imports.flatMap((item) => item.names).filter((name) => EFFECTS.includes(name));
  const world = uses.filter(({ name }) => WORLD.includes(name)).map(({ name, line }) => `${name} in line ${line}`);
  const outside = imports.filter(({ target, typeOnly }) => typeOnly && !target.endsWith('.ts'));
  return [...names, ...world, ...outside.map(({ target }) => target)].map((what) => `${path} is pure and uses ${what}`);
}

function reachComplaints(start: Source, byPath: ReadonlyMap<string, Source>): string[] {
  const seen = new Set<string>();
  const complaints: string[] = [];
  const visit = (source: Source, trail: readonly string[]): void => {
    for (const { target, typeOnly } of source.imports) {
      if (typeOnly || seen.has(target)) continue;
      seen.add(target);
      const next = byPath.get(target);
      if (next) visit(next, [...trail, target]);
      else complaints.push(`${start.path} is pure and reaches ${[...trail, target].join(' -> ')}`);
    }
  };
  visit(start, []);
  return complaints;
}
