/** What the disks of this run forget. It is printed, so that a run can be had again. */
export const SEED = Number(process.env['KINTSUGI_SEED'] ?? process.pid * 7919 + process.ppid);
console.log(`the disk forgets by seed ${SEED}; again with KINTSUGI_SEED=${SEED}`);
