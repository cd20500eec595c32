import type { ControlFault } from './drill-control-fault.ts';
import type { Preparation } from './drill-faults.ts';
import { auditGap } from './drill-audit.ts';
import { backupTooOld } from './drill-backup.ts';
import { cardInLog, clockSkew, crossTenantLeak, forbiddenRegion } from './drill-service.ts';
import { policyWeakened, rlsBypassed, rlsDropped, surplusGrant } from './drill-store.ts';
import { certificateOf, oldTls } from './drill-tls.ts';

const EXPIRING_DAYS = 5;

interface ControlFaultKind {
  readonly about: string;
  prepare(preparation: Preparation): Promise<ControlFault>;
}

/** Every violation by its name. Needs the state directory of the stack: its databases are entered with the secrets in it. */
export const CONTROL_FAULTS: Readonly<Record<string, ControlFaultKind>> = {
  'rls-dropped': { about: 'row-level security of a store (target: records/eu) is switched off', prepare: rlsDropped },
  'policy-weakened': { about: 'a policy of a store lets every tenant through', prepare: policyWeakened },
  'rls-bypassed': { about: 'a view in a store reads past its policies', prepare: rlsBypassed },
  'surplus-grant': { about: "a store's application gets a privilege that nobody declared", prepare: surplusGrant },
  'certificate-expiring': {
    about: 'a listener shows a certificate that expires soon (--parameter in days)',
    prepare: (preparation) => certificateOf(preparation, preparation.options.parameter ?? EXPIRING_DAYS),
  },
  'certificate-expired': {
    about: 'a listener shows a certificate that has expired',
    prepare: (preparation) => certificateOf(preparation, 0),
  },
  'old-tls': { about: 'a listener accepts TLS 1.0, of itself or by a configuration (-f)', prepare: oldTls },
  'backup-too-old': { about: 'no backup was made for two days (--parameter in hours)', prepare: backupTooOld },
  'audit-gap': { about: 'the ledger stands still, and nothing is recorded', prepare: auditGap },
  'clock-skew': { about: "an instance's clock goes wrong (--parameter in ms)", prepare: clockSkew },
  'card-in-log': { about: 'an instance logs a full card number', prepare: cardInLog },
  'cross-tenant-leak': { about: 'an instance answers tenants with what others asked for', prepare: crossTenantLeak },
  'forbidden-region': { about: 'data of a tenant are written where they may not be', prepare: forbiddenRegion },
};
