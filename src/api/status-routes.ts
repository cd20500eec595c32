import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { KinError } from '../base/errors.ts';
import type { SettingView } from '../diagnose/fleet-view.ts';
import { readIncident, readIncidents } from '../heal/incident-store.ts';
import { scopeOf } from './access/door.ts';
import type { Control } from './control.ts';
import { explanationOf, seriesLike } from './explanation.ts';
import { tenantIncidents, tenantStatus, withoutInsides } from './tenant-views.ts';
import { incidentSummary, incidentView, statusView } from './views.ts';
import { limitQuery } from './request-parts.ts';

const explainQuery = z.object({
  incident: z.string().max(100).optional().describe('Why it was opened, and the series of everything that it is about'),
  series: z
    .string()
    .max(300)
    .optional()
    .describe('Words of a series; left out: what is out of the usual at this moment'),
});

/** How it stands now, and what has happened. Whoever is bound to a tenant sees what concerns it. */
export function statusRoutes(plain: FastifyInstance, control: Control, addresses: Record<string, string>): void {
  const app = plain.withTypeProvider<ZodTypeProvider>();
  const { database } = control.options;
  app.get('/v1/status', async ({ caller }) => {
    const tenant = scopeOf(caller);
    return tenant === undefined ? statusView(control, addresses) : tenantStatus(control, tenant);
  });
  app.get('/v1/incidents', { schema: { querystring: limitQuery } }, async ({ query, caller }) => {
    const found = await readIncidents(database, query.limit);
    const tenant = scopeOf(caller);
    const own = tenant === undefined ? found : await tenantIncidents(control, found, tenant);
    return { incidents: own.map(incidentSummary) };
  });
  app.get(
    '/v1/incidents/:id',
    { schema: { params: z.object({ id: z.string() }) } },
    async ({ params: { id }, caller }) => {
      const tenant = scopeOf(caller);
      const found = await readIncident(database, id);
      const own = found && tenant !== undefined ? (await tenantIncidents(control, [found], tenant))[0] : found;
      if (!own) throw new KinError('resource.unknown', `no incident ${id}`);
      const view = await incidentView(database, own);
      const told = tenant === undefined ? view : withoutInsides(view, tenant);
      const duties = await control.duties.readOf(id);
      return { ...told, duties: duties.filter(({ tenants }) => tenant === undefined || tenants.includes(tenant)) };
    },
  );
  app.get('/v1/explain', { schema: { querystring: explainQuery } }, async ({ query }) => {
    const accounts = control.accounts();
    if (query.incident === undefined)
      return { series: seriesLike(accounts, query.series, control.options.clock.now()) };
    const incident = await readIncident(database, query.incident);
    if (!incident) throw new KinError('resource.unknown', `no incident ${query.incident}`);
    return explanationOf(incident, accounts, control.ranking());
  });
  app.get('/v1/parts', async () => {
    const { settings, assets, actors } = control.world.parts;
    return { settings: settings.map(withoutValues), assets, actors };
  });
}

/** Values may be secrets or say something about people; who wrote them and when does not. */
function withoutValues(setting: SettingView) {
  const { value, declared, history, ...rest } = setting;
  const changes = history.map(({ at, by, soakedAt }) => ({ at, by, soakedAt }));
  return { ...rest, isAsDeclared: declared === undefined || declared === value, history: changes };
}
