/**
 * Tamper-evident logs by the formats of C2SP and RFC 9162: trees, proofs, notes, checkpoints, tiles, receipts, witnesses
 * and policies. It stands alone: nothing but Node is needed.
 */
export { type Checkpoint, formatCheckpoint, parseCheckpoint } from './checkpoint.ts';
export { cosign, verifyCosignature } from './cosignature.ts';
export { BUNDLE_BYTES_MAX, decodeBundle, ENTRY_BYTES_MAX, encodeBundle } from './entry-bundle.ts';
export { folderSource } from './folder-source.ts';
export type { HttpTarget } from './http-exchange.ts';
export { httpSource } from './http-source.ts';
export {
  CHECKPOINT_PATH,
  LogFault,
  type LogFaultKind,
  type LogSource,
  MINIMUM_INDEX_PATH,
  readBundle,
  readCheckpointNote,
  readMinimumIndex,
  readTile,
} from './log-source.ts';
export { type LogVerification, type VerifiedLog, verifyLog } from './log-verifier.ts';
export {
  type ConsistencyClaim,
  consistencyRanges,
  type InclusionClaim,
  inclusionRanges,
  type LeafRange,
  type NodeId,
  nodesOf,
  verifyConsistency,
  verifyInclusion,
} from './merkle-proof.ts';
export { emptyRoot, foldPeaks, HASH_BYTES, leafHash, MerkleTree, type NodeListener, nodeHash } from './merkle-tree.ts';
export {
  formatVkey,
  hasMlDsa,
  type NoteKey,
  noteKey,
  parseVkey,
  rawPublicKey,
  type SignatureKind,
  timeKeyOf,
} from './note-key.ts';
export {
  type CheckpointVerdict,
  judgeCheckpoint,
  type Member,
  type ParsedPolicy,
  type Policy,
  parsePolicy,
  policyOfKey,
  type Sighting,
  type TrustedLog,
  type TrustedWitness,
} from './policy.ts';
export {
  type NoteSignature,
  type NoteSigner,
  type OpenedNote,
  openNote,
  signatureLine,
  signNote,
  textOfNote,
} from './signed-note.ts';
export { hashesAt, isInTree, parseTilePath, TILE_HEIGHT, TILE_WIDTH, type Tile, tilePath, widthIn } from './tile.ts';
export { TileTree } from './tile-tree.ts';
export { formatProof, isProof, type ProofVerdict, parseProof, type TlogProof, verifyProof } from './tlog-proof.ts';
export { Witness, type WitnessAnswer, type WitnessMemory, type WitnessOptions } from './witness.ts';
export { type CosignAnswer, type CosignRequest, requestCosignature } from './witness-client.ts';
export { type AddCheckpoint, formatAddCheckpoint, parseAddCheckpoint, SIZE_TYPE } from './witness-request.ts';
