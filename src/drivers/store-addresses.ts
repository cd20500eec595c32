import { regionAddress } from '../base/region-address.ts';
import type { StoreAddress } from './postgresql/store.ts';
import type { Secrets } from './instance-environment.ts';
import type { WriteRefusal } from './postgresql/write-refusals.ts';
import type { World } from './world.ts';

/** Where the declared stores are now: one address for each store and region whose server has a port. */
export function storeAddresses(world: World, secrets: Secrets): readonly StoreAddress[] {
  return world.declared.workloads.flatMap((workload) =>
    workload.spec.stores.flatMap((store) => {
      const { server, admin, role } = store;
      if (!server || !admin) return [];
      const places = world.workload(server)?.slots.filter((slot) => slot.port > 0 && slot.instance !== null) ?? [];
      return places.map(({ region, port }): StoreAddress => {
        const enter = (login: { user: string; secret: string }) => {
          return { user: login.user, password: secrets.read(login.secret) };
        };
        return {
          id: `${store.name}/${region}`,
          region,
          workloads: [workload.name],
          server,
          host: regionAddress(region),
          port,
          database: store.database,
          schema: store.schema ?? store.name,
          tables: store.tables,
          admin: enter(admin),
          role: role && enter(role),
          privileges: role ? store.privileges : [],
          operators: store.operators,
          rowSecurity: store.protections.includes('row-level-security'),
        };
      });
    }),
  );
}

/** New rows that a store (`records/us`) is to refuse by repairs that are in force. */
export function writeRefusals({ declared }: World, store: string): readonly WriteRefusal[] {
  return declared.mitigations.flatMap(({ id, tenant, until, store: named }) =>
    named === `postgresql/${store}` && tenant !== null ? [{ id, tenant, until }] : [],
  );
}
