export type Operation = 'read' | 'list' | 'write' | 'create' | 'remove' | 'charge' | 'trespass';

/** How one tenant of the stack reaches the gateway, and what its people do all day. */
export interface Account {
  readonly tenant: string;
  /** In the Host header. */
  readonly host: string;
  /** Instead of the host name, for every second client of the tenant. */
  readonly pathPrefix?: string;
  /** Demo key; the manifest has its hash. */
  readonly apiKey: string;
  readonly currency: 'EUR' | 'USD';
  /** Shares, in per cent. `trespass` asks for a record of another tenant, which must not be found. */
  readonly mix: Readonly<Record<Operation, number>>;
}

export const ACCOUNTS: readonly Account[] = [
  {
    tenant: 'clinic-de',
    host: 'clinic-de.localhost',
    apiKey: 'demo-key-clinic-de',
    currency: 'EUR',
    mix: { read: 42, list: 14, write: 28, create: 5, remove: 5, charge: 4, trespass: 2 },
  },
  {
    tenant: 'hospital-us',
    host: 'hospital-us.localhost',
    apiKey: 'demo-key-hospital-us',
    currency: 'USD',
    mix: { read: 34, list: 10, write: 40, create: 5, remove: 5, charge: 4, trespass: 2 },
  },
  {
    tenant: 'shop',
    host: 'shop.localhost',
    pathPrefix: '/shop',
    apiKey: 'demo-key-shop',
    currency: 'EUR',
    mix: { read: 36, list: 14, write: 20, create: 5, remove: 5, charge: 18, trespass: 2 },
  },
];
