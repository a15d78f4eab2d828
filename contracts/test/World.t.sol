// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AnchorRegistry} from "../AnchorRegistry.sol";
import {IAnchorRegistry} from "../IAnchorRegistry.sol";
import {Tree} from "./Tree.t.sol";
import {vm, Vm} from "./Vm.t.sol";

/// @dev Four accounts, any of which may own, publish, be nominated or steal, do anything they like to eight logs, in
/// any order. The world keeps its own books: what each call must do, and every head that was ever logged. It asserts
/// after each call that the registry did just that.
///
/// Logs are of four histories, which part from one another at some entry, so that whoever holds the publisher's key of
/// one may try to go on with another, with a proof that is right for that other.
contract World {
    uint256 private constant ACCOUNTS = 4;
    uint256 private constant SALTS = 2;
    uint256 private constant MOST = 48; // entries

    struct Books {
        address owner;
        address publisher;
        address nominee;
        bool closed;
        bytes32 successor;
        uint64[] sizes;
        bytes32[] roots;
    }

    AnchorRegistry public immutable registry;
    mapping(bytes32 logId => Books) private _books;
    bytes32[][4] private _histories;

    constructor(AnchorRegistry registry_) {
        registry = registry_;
        uint8[4] memory parts = [0, 5, 16, 33];
        for (uint256 h = 0; h < 4; h++) {
            for (uint256 i = 0; i < MOST; i++) {
                _histories[h].push(keccak256(abi.encode(i < parts[h] ? 0 : h, i)));
            }
        }
    }

    // --- what accounts may do -----------------------------------------------------------------------------------

    function create(uint8 who, uint8 which, uint8 publisher) external {
        (address sender, bytes32 salt, bytes32 id) = _ownLog(who, which);
        Books storage books = _books[id];
        bool right = books.publisher == address(0) && _account(publisher) != address(0);
        if (right) (books.owner, books.publisher) = (sender, _account(publisher));
        _call(sender, abi.encodeCall(registry.createLog, (salt, _account(publisher))), right);
    }

    function nominate(uint8 who, uint8 which, uint8 nominee) external {
        (address sender, bytes32 salt, bytes32 id) = _ownLog(who, which);
        Books storage books = _books[id];
        bool right = _isOpen(books);
        if (right) books.nominee = _account(nominee);
        _call(sender, abi.encodeCall(registry.nominatePublisher, (salt, _account(nominee))), right);
    }

    function accept(uint8 who, uint8 whose, uint8 which) external {
        (address sender, bytes32 id) = (_sender(who), _anyLog(whose, which));
        Books storage books = _books[id];
        bool right = _isOpen(books) && books.nominee == sender;
        if (right) (books.publisher, books.nominee) = (sender, address(0));
        _call(sender, abi.encodeCall(registry.acceptPublisher, (id)), right);
    }

    /// @dev Rarely, lest all logs be closed at once.
    function close(uint8 who, uint8 which, bytes32 successor, uint8 chance) external {
        if (chance % 8 != 0) return;
        (address sender, bytes32 salt, bytes32 id) = _ownLog(who, which);
        Books storage books = _books[id];
        bool right = _isOpen(books);
        if (right) (books.closed, books.nominee, books.successor) = (true, address(0), successor);
        _call(sender, abi.encodeCall(registry.closeLog, (salt, successor)), right);
    }

    /// @dev Anchors `more` entries above the head, from one of the histories, with the proof that is right there; now
    /// and then from a size that is not the head's, or with an element too many.
    function anchor(uint8 who, uint8 whose, uint8 which, uint8 history, uint8 more, uint8 twist) external {
        bytes32 id = _anyLog(whose, which);
        Books storage books = _books[id];
        // Half of the time by the log's own publisher, else hardly any call would get as far as the proof.
        address sender = twist % 2 == 0 && books.publisher != address(0) ? books.publisher : _sender(who);
        bytes32[] memory leaves = _histories[history % 4];
        (uint256 headSize, bytes32 headRoot) = _head(books);
        uint256 size = headSize + more % 7;
        if (size == 0 || size > MOST) return;
        bytes32 root = Tree.root(leaves, 0, size);
        bytes32[] memory proof = headSize == 0 ? new bytes32[](0) : Tree.prove(leaves, headSize, size);
        bool right = _isOpen(books) && sender == books.publisher
            && (headSize == 0 || headRoot == Tree.root(leaves, 0, headSize));
        uint256 previous = headSize;
        if (twist % 16 == 0) previous = headSize + 1;
        if (twist % 16 == 2) proof = Tree.append(proof, root);
        if (previous != headSize || twist % 16 == 2) right = right && size == headSize;
        _anchor(sender, id, [uint64(previous), uint64(size)], root, proof, right);
    }

    /// @dev The publisher anchors whatever the fuzzer thinks of on a head, which cannot be right.
    function forge(uint8 whose, uint8 which, uint64 previous, uint64 size, bytes32 root, bytes32[] memory proof)
        external
    {
        bytes32 id = _anyLog(whose, which);
        Books storage books = _books[id];
        (uint256 headSize, bytes32 headRoot) = _head(books);
        if (headSize == 0 || (size == headSize && root == headRoot)) return;
        if (size % 2 == 0) previous = uint64(headSize);
        if (size % 4 == 0) size = uint64(headSize + size % 16);
        _anchor(books.publisher, id, [previous, size], root, proof, false);
    }

    /// @dev An earlier head once more, with its size or with another: only the newest may be repeated.
    function replay(uint8 whose, uint8 which, uint8 earlier, uint8 size, bytes32[] memory proof) external {
        bytes32 id = _anyLog(whose, which);
        Books storage books = _books[id];
        (uint256 headSize, bytes32 headRoot) = _head(books);
        if (headSize == 0) return;
        uint256 turn = earlier % books.sizes.length;
        uint64 claimed = size % 4 == 0 ? uint64(headSize) + size : books.sizes[turn];
        bytes32 root = books.roots[turn];
        bool right = !books.closed && claimed == headSize && root == headRoot;
        _anchor(books.publisher, id, [uint64(headSize), claimed], root, proof, right);
    }

    /// @dev Somebody with none of the keys tries every function on a log of others, and what they like besides; `check`
    /// shows whether anything came of it.
    function stray(
        address sender,
        uint8 whose,
        uint8 which,
        address friend,
        uint64[2] memory sizes,
        bytes32[] memory words,
        bytes memory data
    ) external {
        for (uint8 who = 0; who < ACCOUNTS; who++) {
            if (sender == _sender(who)) return;
        }
        bytes32 id = _anyLog(whose, which);
        bytes32 salt = bytes32(which % SALTS);
        bytes32 word = words.length == 0 ? id : words[0];
        bytes[7] memory tries = [
            abi.encodeCall(registry.createLog, (salt, friend)),
            abi.encodeCall(registry.nominatePublisher, (salt, friend)),
            abi.encodeCall(registry.nominatePublisher, (id, sender)),
            abi.encodeCall(registry.acceptPublisher, (id)),
            abi.encodeCall(registry.anchor, (id, sizes[0], sizes[1], word, words)),
            abi.encodeCall(registry.closeLog, (salt, word)),
            data
        ];
        for (uint256 i = 0; i < tries.length; i++) {
            vm.prank(sender);
            (bool done,) = address(registry).call(tries[i]);
            assert(!done || i != 3 && i != 4);
        }
    }

    // --- what must always hold ----------------------------------------------------------------------------------

    /// @dev The registry's state is what the books say, for every log: nothing else moved it.
    function check() external view {
        for (uint8 who = 0; who < ACCOUNTS; who++) {
            for (uint8 which = 0; which < SALTS; which++) {
                bytes32 id = _anyLog(who, which);
                Books storage books = _books[id];
                IAnchorRegistry.Log memory log = registry.log(id);
                (uint256 size, bytes32 root) = _head(books);
                assert(log.publisher == books.publisher && log.nominee == books.nominee);
                assert(log.closed == books.closed && log.successor == books.successor);
                assert(log.size == size && log.root == root);
            }
        }
    }

    // --- ways and means -----------------------------------------------------------------------------------------

    function _anchor(
        address sender,
        bytes32 id,
        uint64[2] memory sizes,
        bytes32 root,
        bytes32[] memory proof,
        bool right
    ) private {
        Books storage books = _books[id];
        (uint256 headSize,) = _head(books);
        bool isHead = right && sizes[1] == headSize;
        Vm.Log[] memory logs =
            _call(sender, abi.encodeCall(registry.anchor, (id, sizes[0], sizes[1], root, proof)), right);
        assert(logs.length == (right && !isHead ? 1 : 0));
        for (uint256 i = 0; i < logs.length; i++) {
            _record(logs[i]);
        }
    }

    /// @dev Enters a head that was logged, if it is larger than every earlier one of its log and extends each: if some
    /// history has them all.
    function _record(Vm.Log memory log) private {
        assert(log.emitter == address(registry) && log.topics.length == 3);
        assert(log.topics[0] == IAnchorRegistry.Anchored.selector);
        Books storage books = _books[log.topics[1]];
        uint64 size = uint64(uint256(log.topics[2]));
        (bytes32 root, uint64 previousSize) = abi.decode(log.data, (bytes32, uint64));
        (uint256 headSize,) = _head(books);
        assert(previousSize == headSize && size > headSize);
        books.sizes.push(size);
        books.roots.push(root);
        for (uint256 h = 0; h < 4; h++) {
            if (_has(_histories[h], books)) return;
        }
        assert(false);
    }

    function _has(bytes32[] memory leaves, Books storage books) private view returns (bool) {
        for (uint256 i = 0; i < books.sizes.length; i++) {
            if (Tree.root(leaves, 0, books.sizes[i]) != books.roots[i]) return false;
        }
        return true;
    }

    function _call(address sender, bytes memory data, bool right) private returns (Vm.Log[] memory) {
        vm.recordLogs();
        vm.prank(sender);
        (bool done,) = address(registry).call(data);
        assert(done == right);
        return vm.getRecordedLogs();
    }

    function _isOpen(Books storage books) private view returns (bool) {
        return books.publisher != address(0) && !books.closed;
    }

    function _head(Books storage books) private view returns (uint256 size, bytes32 root) {
        uint256 count = books.sizes.length;
        if (count != 0) (size, root) = (books.sizes[count - 1], books.roots[count - 1]);
    }

    /// @dev One of the accounts, or zero.
    function _account(uint8 who) private pure returns (address) {
        return who % (ACCOUNTS + 1) == ACCOUNTS ? address(0) : _sender(who % uint8(ACCOUNTS + 1));
    }

    function _sender(uint8 who) private pure returns (address) {
        return address(uint160(0xacc0 + who % ACCOUNTS));
    }

    function _ownLog(uint8 who, uint8 which) private view returns (address sender, bytes32 salt, bytes32 id) {
        (sender, salt) = (_sender(who), bytes32(which % SALTS));
        id = registry.logIdOf(sender, salt);
    }

    function _anyLog(uint8 who, uint8 which) private view returns (bytes32 id) {
        (,, id) = _ownLog(who, which);
    }
}
