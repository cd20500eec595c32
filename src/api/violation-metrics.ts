import { Gauge, type Registry } from 'prom-client';
import type { Control } from './control.ts';
import { readViolationTimes, type ViolationTimes } from './violation-times.ts';

/** How long violations of the declared tenants lasted. None while the database is away: what is not known is left out. */
export async function timesOf({ options, compliance }: Control): Promise<readonly ViolationTimes[]> {
  const tenants = compliance.posture.tenants();
  const times = await readViolationTimes(options.database).catch(() => []);
  return times.filter(({ tenant }) => tenants.includes(tenant));
}

/** How long it took until violations were found and healed, in `/metrics`. */
export function registerViolationTimes(registry: Registry, control: Control): void {
  const register = (name: string, help: string, label: string, valuesOf: (times: ViolationTimes) => object) =>
    registry.registerMetric(
      new Gauge({
        name,
        help,
        labelNames: ['tenant', 'framework', label],
        registers: [],
        async collect() {
          this.reset();
          for (const times of await timesOf(control)) {
            const { tenant, framework } = times;
            for (const [value, number] of Object.entries(valuesOf(times))) {
              if (number !== null) this.set({ tenant, framework, [label]: value }, number);
            }
          }
        },
      }),
    );
  const seconds = (ms: number | null) => (ms === null ? null : ms / 1_000);
  const found = 'Seconds from the last good measurement until a violation was found, of the last 30 days';
  register('kintsugi_violation_detection_seconds', found, 'quantile', ({ findMsMedian, findMsMax }) => {
    return { 0.5: seconds(findMsMedian), 1: seconds(findMsMax) };
  });
  const healed = 'Seconds from the last good measurement until a measurement showed it healed, of the last 30 days';
  register('kintsugi_violation_heal_seconds', healed, 'quantile', ({ healMsMedian, healMsMax }) => {
    return { 0.5: seconds(healMsMedian), 1: seconds(healMsMax) };
  });
  const counted = 'Violations of the last 30 days by state, one for each control and tenant';
  register('kintsugi_violations', counted, 'state', ({ found, open }) => ({ open, healed: found - open }));
}
