import { Gauge, type Registry } from 'prom-client';
import { drillOf, isClosed, isSettled } from '../comply/breach/breach.ts';
import { clocksOf, isOverdue, isRunning } from '../comply/breach/clocks.ts';
import type { Control } from './control.ts';

/** Losses that people have to judge, and how long is left, in `/metrics`. Left out while the database is away. */
export function registerBreachMetrics(registry: Registry, { breaches, options }: Control): void {
  const standing = async () => {
    const all = await breaches.readStanding().catch(() => []);
    return all.filter((each) => drillOf(each) === null && !isClosed(each));
  };
  const now = () => options.clock.now();
  registry.registerMetric(
    new Gauge({
      name: 'kintsugi_breach_clock_remaining_seconds',
      help: 'Seconds until a notice, or the word of a person on what a loss is, is due; negative when it is overdue',
      labelNames: ['tenant', 'regulation', 'stage'],
      registers: [],
      async collect() {
        this.reset();
        const left = new Map<string, { labels: Record<string, string>; seconds: number }>();
        for (const assessment of await standing()) {
          for (const { duty, dueAt } of clocksOf(assessment, now()).filter(isRunning)) {
            if (dueAt === null) continue;
            const labels = {
              tenant: duty?.tenant ?? '',
              regulation: duty?.framework ?? '',
              stage: duty?.control ?? 'assess',
            };
            const key = JSON.stringify(labels);
            // Of several losses the one that is due first.
            const seconds = Math.min((dueAt - now()) / 1_000, left.get(key)?.seconds ?? Number.POSITIVE_INFINITY);
            left.set(key, { labels, seconds });
          }
        }
        for (const { labels, seconds } of left.values()) this.set(labels, seconds);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'kintsugi_breach_assessments',
      help: 'Losses by state: open (nobody has judged it), overdue (a deadline of a notice has passed)',
      labelNames: ['state'],
      registers: [],
      async collect() {
        const all = await standing();
        this.set({ state: 'open' }, all.filter((each) => !isSettled(each)).length);
        this.set({ state: 'overdue' }, all.filter((each) => clocksOf(each, now()).some(isOverdue)).length);
      },
    }),
  );
}
