import { basename, dirname } from 'node:path';
import type { OwnPorts } from '../collector-places.ts';
import type { World } from '../world.ts';
import { rootsIn } from '../tls-roots.ts';
import type { CertificatePlace } from './tls-parts.ts';

const HERE = '127.0.0.1';

/**
 * The listener of the gateways, where they speak TLS and the policy says how their certificate is renewed. Certificate and key have to lie
 * in one folder, and in no other files are they written.
 */
export function gatewayCertificates({ declared }: World, { gateway, tls }: OwnPorts): readonly CertificatePlace[] {
  const renewal = declared.policy?.spec.gatewayCertificate;
  if (!renewal || !tls) return [];
  const { certFile, keyFile, workers } = tls;
  const folder = dirname(certFile);
  if (dirname(keyFile) !== folder) return [];
  const { serverName, authorityFile, renew } = renewal;
  return [
    {
      subject: `gateway/${gateway}`,
      host: HERE,
      port: gateway,
      serverName,
      ...rootsIn(folder, authorityFile),
      workloads: declared.workloads.flatMap(({ name, spec }) => (spec.route ? [name] : [])),
      region: null,
      instance: null,
      folder,
      certificate: { file: basename(certFile), keyFile: basename(keyFile), renew },
      readers: workers,
    },
  ];
}
