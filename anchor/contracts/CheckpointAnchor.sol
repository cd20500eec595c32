// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// Keeps the newest checkpoint of logs (C2SP tlog-checkpoint) where whoever runs the log cannot rewrite it.
///
/// Each account has heads of its own, so nobody can anchor for another and there is no owner, no upgrade and no pause. A head
/// moves only to a tree that continues it, which the proof of RFC 9162 2.1.4 has to show: the contract refuses rollbacks and
/// forks whatever the account's holder signs. Nothing but a hash of the log's name, its size and its root is on the chain.
contract CheckpointAnchor {
    struct Head {
        uint64 size;
        /// Of the block that anchored it, in seconds since 1970; 0 where nothing is anchored.
        uint64 time;
        bytes32 root;
    }

    /// `origin` is the SHA-256 of the log's origin.
    event Anchored(address indexed by, bytes32 indexed origin, uint64 size, bytes32 root, uint64 time);

    /// The tree offered is smaller than the one that is anchored.
    error Rollback(uint64 anchored, uint64 offered);
    /// The tree offered does not continue the one that is anchored, or the proof does not show it.
    error Fork(uint64 anchored, uint64 offered);
    /// A tree without entries has another root.
    error NotATree();

    /// SHA-256 of nothing: the root of a tree without entries.
    bytes32 private constant EMPTY = 0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855;

    mapping(address by => mapping(bytes32 origin => Head)) public heads;

    /// Moves the caller's head of a log. The same head again changes nothing and costs little, so a call whose answer was
    /// lost may be repeated.
    function anchor(bytes32 origin, uint64 size, bytes32 root, bytes32[] calldata proof) external {
        Head storage head = heads[msg.sender][origin];
        (uint64 oldSize, uint64 oldTime) = (head.size, head.time);
        if (size == 0 && root != EMPTY) revert NotATree();
        if (oldTime != 0) {
            if (size < oldSize) revert Rollback(oldSize, size);
            if (size == oldSize && root == head.root) return;
            if (!continues(oldSize, head.root, size, root, proof)) revert Fork(oldSize, size);
        }
        (head.size, head.time, head.root) = (size, uint64(block.timestamp), root);
        emit Anchored(msg.sender, origin, size, root, uint64(block.timestamp));
    }

    /// Whether the newest anchored tree holds an entry: `leaf` is SHA-256(0x00 || entry), at `index`.
    function included(address by, bytes32 origin, bytes32 leaf, uint64 index, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        Head storage head = heads[by][origin];
        return holds(head.size, head.root, leaf, index, proof);
    }

    /// RFC 9162 2.1.3.2: whether the tree of `size` and `root` holds `leaf` at `index`.
    function holds(uint64 size, bytes32 root, bytes32 leaf, uint64 index, bytes32[] calldata proof)
        public
        pure
        returns (bool)
    {
        if (index >= size) return false;
        (uint256 fn, uint256 sn, bytes32 r) = (index, size - 1, leaf);
        for (uint256 i = 0; i < proof.length; i++) {
            if (sn == 0) return false;
            if (fn & 1 == 1 || fn == sn) {
                r = nodeOf(proof[i], r);
                while (fn & 1 == 0 && fn != 0) (fn, sn) = (fn >> 1, sn >> 1);
            } else {
                r = nodeOf(r, proof[i]);
            }
            (fn, sn) = (fn >> 1, sn >> 1);
        }
        return sn == 0 && r == root;
    }

    /// RFC 9162 2.1.4.2: whether the tree of `newSize` begins with that of `oldSize`.
    function continues(uint64 oldSize, bytes32 oldRoot, uint64 newSize, bytes32 newRoot, bytes32[] calldata proof)
        public
        pure
        returns (bool)
    {
        if (oldSize > newSize) return false;
        if (oldSize == newSize) return proof.length == 0 && oldRoot == newRoot;
        if (oldSize == 0) return proof.length == 0 && oldRoot == EMPTY;
        (uint256 fn, uint256 sn) = (oldSize - 1, newSize - 1);
        while (fn & 1 == 1) (fn, sn) = (fn >> 1, sn >> 1);
        // Where the old tree is a complete subtree (its size a power of two), the proof begins with its root unsaid.
        uint256 i = oldSize & (oldSize - 1) == 0 ? 0 : 1;
        if (proof.length == 0) return false;
        (bytes32 fr, bytes32 sr) = i == 0 ? (oldRoot, oldRoot) : (proof[0], proof[0]);
        for (; i < proof.length; i++) {
            if (sn == 0) return false;
            if (fn & 1 == 1 || fn == sn) {
                (fr, sr) = (nodeOf(proof[i], fr), nodeOf(proof[i], sr));
                while (fn & 1 == 0 && fn != 0) (fn, sn) = (fn >> 1, sn >> 1);
            } else {
                sr = nodeOf(sr, proof[i]);
            }
            (fn, sn) = (fn >> 1, sn >> 1);
        }
        return sn == 0 && fr == oldRoot && sr == newRoot;
    }

    /// RFC 9162 2.1.1: SHA-256(0x01 || left || right), by the precompiled contract 0x02.
    function nodeOf(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return sha256(abi.encodePacked(hex"01", left, right));
    }
}
