// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev RFC 9162 trees, by the text of its section 2.1 and without thought of gas.
library Tree {
    function node(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x01), left, right));
    }

    /// @dev The largest power of two below n.
    function split(uint256 n) internal pure returns (uint256 k) {
        for (k = 1; k * 2 < n; k *= 2) {}
    }

    /// @dev MTH of the leaves from `from` up to `to`.
    function root(bytes32[] memory leaves, uint256 from, uint256 to) internal pure returns (bytes32) {
        if (to - from == 1) return leaves[from];
        uint256 k = from + split(to - from);
        return node(root(leaves, from, k), root(leaves, k, to));
    }

    /// @dev PROOF(m, D_n), 0 < m <= n.
    function prove(bytes32[] memory leaves, uint256 m, uint256 n) internal pure returns (bytes32[] memory) {
        return _prove(leaves, 0, m, n, true);
    }

    /// @dev SUBPROOF(m, D[from:to], whole), m counted from 0.
    function _prove(bytes32[] memory leaves, uint256 from, uint256 m, uint256 to, bool whole)
        private
        pure
        returns (bytes32[] memory)
    {
        if (m == to) {
            if (whole) return new bytes32[](0);
            return append(new bytes32[](0), root(leaves, from, to));
        }
        uint256 k = from + split(to - from);
        if (m <= k) return append(_prove(leaves, from, m, k, whole), root(leaves, k, to));
        return append(_prove(leaves, k, m, to, false), root(leaves, from, k));
    }

    /// @dev A tree of m entries and one of n that extends it, 0 < m <= n, without the entries: subtrees are hashes of
    /// `seed`.
    function grow(uint256 m, uint256 n, bytes32 seed, bool whole)
        internal
        pure
        returns (bytes32 older, bytes32 newer, bytes32[] memory proof)
    {
        seed = keccak256(abi.encode(seed));
        if (m == n) return (seed, seed, whole ? new bytes32[](0) : append(new bytes32[](0), seed));
        bytes32 other = ~seed;
        uint256 k = split(n);
        if (m <= k) {
            (older, newer, proof) = grow(m, k, seed, whole);
            newer = node(newer, other);
        } else {
            (older, newer, proof) = grow(m - k, n - k, seed, false);
            (older, newer) = (node(other, older), node(other, newer));
        }
        proof = append(proof, other);
    }

    function append(bytes32[] memory list, bytes32 last) internal pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 i = 0; i < list.length; i++) {
            longer[i] = list[i];
        }
        longer[list.length] = last;
    }
}
