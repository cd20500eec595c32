const PREFIX = 'service kintsugi/';

/** Id of the asset that a process of Kintsugi's own is: `service kintsugi/ledger`. */
export function ownProcessAsset(id: string): string {
  return `${PREFIX}${id}`;
}

export function isOwnProcess(asset: string): boolean {
  return asset.startsWith(PREFIX);
}
