// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAnchorRegistry} from "./IAnchorRegistry.sol";

/// @title The registry; IAnchorRegistry says what each function does
contract AnchorRegistry is IAnchorRegistry {
    mapping(bytes32 logId => Log) private _logs;

    /// @dev Every later check rests on the SHA-256 precompile: where there is none, there is no registry.
    constructor() {
        assert(sha256("") == 0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855);
    }

    function createLog(bytes32 salt, address publisher) external returns (bytes32 logId) {
        if (publisher == address(0)) revert ZeroPublisher();
        logId = logIdOf(msg.sender, salt);
        if (_logs[logId].publisher != address(0)) revert LogExists();
        _logs[logId].publisher = publisher;
        emit LogCreated(logId, msg.sender, salt);
        emit PublisherChanged(logId, publisher);
    }

    function nominatePublisher(bytes32 salt, address nominee) external {
        bytes32 logId = logIdOf(msg.sender, salt);
        _open(logId).nominee = nominee;
        emit PublisherNominated(logId, nominee);
    }

    function acceptPublisher(bytes32 logId) external {
        Log storage it = _open(logId);
        if (msg.sender != it.nominee) revert NotNominee();
        (it.publisher, it.nominee) = (msg.sender, address(0));
        emit PublisherChanged(logId, msg.sender);
    }

    function closeLog(bytes32 salt, bytes32 successor) external {
        bytes32 logId = logIdOf(msg.sender, salt);
        Log storage it = _open(logId);
        (it.closed, it.nominee, it.successor) = (true, address(0), successor);
        emit LogClosed(logId, successor);
    }

    function anchor(bytes32 logId, uint64 previousSize, uint64 size, bytes32 root, bytes32[] calldata proof) external {
        Log storage it = _logs[logId];
        // One read: publisher, size and closed share a slot.
        (address publisher, uint64 headSize, bool closed) = (it.publisher, it.size, it.closed);
        if (msg.sender != publisher) {
            if (publisher == address(0)) revert UnknownLog();
            revert NotPublisher();
        }
        if (closed) revert Closed();
        if (size == 0 || root == 0) revert EmptyHead();
        if (size == headSize) {
            if (root != it.root) revert Conflict();
            return;
        }
        if (previousSize != headSize || size < headSize) revert Stale();
        bool extends_ = headSize == 0 ? proof.length == 0 : _consistent(headSize, it.root, size, root, proof);
        if (!extends_) revert BadProof();
        (it.size, it.root) = (size, root);
        emit Anchored(logId, size, root, headSize);
    }

    function head(bytes32 logId) external view returns (uint64 size, bytes32 root) {
        return (_logs[logId].size, _logs[logId].root);
    }

    function publisherOf(bytes32 logId) external view returns (address) {
        return _logs[logId].publisher;
    }

    function log(bytes32 logId) external view returns (Log memory) {
        return _logs[logId];
    }

    function logIdOf(address owner, bytes32 salt) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), owner, salt));
    }

    function verifyConsistency(
        uint64 previousSize,
        bytes32 previousRoot,
        uint64 size,
        bytes32 root,
        bytes32[] calldata proof
    ) external view returns (bool) {
        if (previousSize == 0 || previousSize > size) return false;
        if (previousSize == size) return previousRoot == root && proof.length == 0;
        return _consistent(previousSize, previousRoot, size, root, proof);
    }

    /// @dev The log, which must exist and be open.
    function _open(bytes32 logId) private view returns (Log storage it) {
        it = _logs[logId];
        if (it.publisher == address(0)) revert UnknownLog();
        if (it.closed) revert Closed();
    }

    /// @dev RFC 9162 section 2.1.4.2 for 0 < m < n, with its one loop as two: below the level where the paths of the
    /// old and the new tree's last entries meet, and above it, where every set bit of the path is one node to the left
    /// of both.
    function _consistent(uint256 m, bytes32 mRoot, uint256 n, bytes32 nRoot, bytes32[] calldata proof)
        private
        view
        returns (bool)
    {
        unchecked {
            uint256 used; // elements of the proof, never more than there are
            // fn and sn: places of the last entries' subtrees in their level, from the largest full one that ends at m.
            (uint256 fn, uint256 sn) = (m - 1, n - 1);
            while (fn & 1 == 1) (fn, sn) = (fn >> 1, sn >> 1);
            // The old tree is that subtree if m is a power of two; else the proof starts with it.
            bytes32 fr = mRoot;
            if (fn != 0) {
                if (proof.length == 0) return false;
                fr = proof[used++];
            }
            bytes32 sr = fr;
            for (; fn != sn; (fn, sn) = (fn >> 1, sn >> 1)) {
                if (used == proof.length) return false;
                bytes32 node = proof[used++];
                if (fn & 1 == 1) (fr, sr) = (_node(node, fr), _node(node, sr));
                else sr = _node(sr, node);
            }
            for (; fn != 0; fn >>= 1) {
                if (fn & 1 == 0) continue;
                if (used == proof.length) return false;
                bytes32 node = proof[used++];
                (fr, sr) = (_node(node, fr), _node(node, sr));
            }
            return used == proof.length && fr == mRoot && sr == nRoot;
        }
    }

    /// @dev SHA-256(0x01 || left || right), RFC 9162 section 2.1.1, in memory that is free and stays so.
    function _node(bytes32 left, bytes32 right) private view returns (bytes32 hash) {
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore8(at, 1)
            mstore(add(at, 1), left)
            mstore(add(at, 33), right)
            if iszero(staticcall(gas(), 2, at, 65, 0, 32)) { revert(0, 0) }
            hash := mload(0)
        }
    }
}
