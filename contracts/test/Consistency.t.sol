// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AnchorRegistry} from "../AnchorRegistry.sol";
import {Tree} from "./Tree.t.sol";

/// @dev The consistency check on trees of every size up to 2^64 - 1.
contract ConsistencyTest {
    AnchorRegistry private immutable registry = new AnchorRegistry();

    /// @dev Sizes of every order of magnitude, 1 <= m < n.
    function sizes(uint64 a, uint64 b, uint8 shift) private pure returns (uint64 m, uint64 n) {
        (a, b) = (a >> (shift % 64), b >> (shift % 64));
        (m, n) = a < b ? (a, b) : (b, a);
        if (m == 0) m = 1;
        if (n <= m) n = m == type(uint64).max ? m-- : m + 1;
    }

    function testFuzz_TakesWhatExtends(uint64 a, uint64 b, uint8 shift, bytes32 seed) external view {
        (uint64 m, uint64 n) = sizes(a, b, shift);
        (bytes32 older, bytes32 newer, bytes32[] memory proof) = Tree.grow(m, n, seed, true);
        assert(registry.verifyConsistency(m, older, n, newer, proof));
    }

    function testFuzz_RefusesEveryDamage(uint64 a, uint64 b, uint8 shift, bytes32 seed, uint8 bit, uint256 place)
        external
        view
    {
        (uint64 m, uint64 n) = sizes(a, b, shift);
        (bytes32 older, bytes32 newer, bytes32[] memory proof) = Tree.grow(m, n, seed, true);
        bytes32 flip = bytes32(uint256(1) << bit);
        assert(!registry.verifyConsistency(m, older ^ flip, n, newer, proof));
        assert(!registry.verifyConsistency(m, older, n, newer ^ flip, proof));
        assert(!registry.verifyConsistency(m, older, n, older, proof));
        assert(!registry.verifyConsistency(m, older, n, newer, Tree.append(proof, seed)));
        place %= proof.length;
        proof[place] ^= flip;
        assert(!registry.verifyConsistency(m, older, n, newer, proof));
        proof[place] ^= flip;
        bytes32[] memory less = new bytes32[](proof.length - 1);
        for (uint256 i = 0; i < less.length; i++) {
            less[i] = proof[i < place ? i : i + 1];
        }
        assert(!registry.verifyConsistency(m, older, n, newer, less));
    }

    function testFuzz_RefusesWhatIsMadeUp(uint64 m, bytes32 older, uint64 n, bytes32 newer, bytes32[] calldata proof)
        external
        view
    {
        if (m == n && older == newer) return;
        assert(!registry.verifyConsistency(m, older, n, newer, proof));
    }

    /// @dev Real trees, whose roots follow from the leaves alone.
    function testFuzz_TakesRealTrees(uint8 a, uint8 b, bytes32 seed) external view {
        (uint64 m, uint64 n) = sizes(a % 80, b % 80, 0);
        bytes32[] memory leaves = new bytes32[](n);
        for (uint256 i = 0; i < n; i++) {
            leaves[i] = keccak256(abi.encode(seed, i));
        }
        bytes32[] memory proof = Tree.prove(leaves, m, n);
        bytes32 newer = Tree.root(leaves, 0, n);
        assert(registry.verifyConsistency(m, Tree.root(leaves, 0, m), n, newer, proof));
        leaves[uint256(seed) % m] ^= bytes32(uint256(1));
        assert(!registry.verifyConsistency(m, Tree.root(leaves, 0, m), n, newer, proof));
    }
}
