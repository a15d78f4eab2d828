// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A registry of append-only Merkle logs
/// @notice Keeps, for any number of logs, the newest (size, root) of an RFC 9162 tree (SHA-256), called the head. A
/// head is replaced only by one that provably extends it: the registry checks the RFC 9162 consistency proof itself, so
/// nobody, whatever keys they hold, can rewrite what was anchored or anchor two roots for one size. History is in the
/// `Anchored` logs; storage holds the head alone, for every older entry is provable against any later head.
///
/// A log has an owner and a publisher. The owner (a cold key) nominates publishers, and may close the log. The
/// publisher (a hot key) only anchors. Who the owner is follows from the log's id and is not stored:
///
///     logId = keccak256(abi.encode(uint256 chainId, address registry, address owner, bytes32 salt))
///
/// so anyone may create logs, no two chains, registries or owners share one, and a function of the owner takes the salt
/// and finds the log of `msg.sender`; it can name nobody else's. The registry has no owner, no upgrade and no pause.
///
/// What an anchor does not prove: that the log's key signed it (it counts only together with a signed checkpoint of the
/// same size and root), and how many entries the root is over, for RFC 9162 roots do not say (the entry at size - 1
/// does).
interface IAnchorRegistry {
    /// @param root The head's root; zero while nothing is anchored.
    /// @param publisher The only account that anchors; never zero in a log that exists.
    /// @param size The head's size in entries; zero while nothing is anchored.
    /// @param closed Nothing anchors any more.
    /// @param nominee The account that may become the publisher by accepting; zero for none.
    /// @param successor The log that follows a closed one, perhaps on another chain; zero for none.
    struct Log {
        bytes32 root;
        address publisher;
        uint64 size;
        bool closed;
        address nominee;
        bytes32 successor;
    }

    /// @notice A new head. Verifiers read this log from a receipt, byte for byte:
    ///
    ///     topics[0] = keccak256("Anchored(bytes32,uint64,bytes32,uint64)")
    ///     topics[1] = logId
    ///     topics[2] = size, big-endian, left-padded to 32 bytes
    ///     data      = root (32 bytes) || previousSize (big-endian, left-padded to 32 bytes); 64 bytes
    ///
    /// @dev `size` is indexed so that a node finds the anchor of one size, or the first that covers an entry, by topic.
    event Anchored(bytes32 indexed logId, uint64 indexed size, bytes32 root, uint64 previousSize);

    /// @notice A log was created; its first publisher is named in a `PublisherChanged` of the same transaction.
    event LogCreated(bytes32 indexed logId, address indexed owner, bytes32 salt);

    /// @notice The owner nominated a publisher, or withdrew the nomination (zero).
    event PublisherNominated(bytes32 indexed logId, address indexed nominee);

    /// @notice From here on `publisher` alone anchors.
    event PublisherChanged(bytes32 indexed logId, address indexed publisher);

    /// @notice The log ends with its present head; `successor` goes on, or nothing does (zero).
    event LogClosed(bytes32 indexed logId, bytes32 successor);

    /// @notice No such log; for a function of the owner: the sender owns none with this salt.
    error UnknownLog();
    /// @notice The sender already created a log with this salt.
    error LogExists();
    /// @notice The zero address cannot publish.
    error ZeroPublisher();
    /// @notice The sender is not the log's publisher.
    error NotPublisher();
    /// @notice The sender is not the account that the owner nominated.
    error NotNominee();
    /// @notice The owner has closed the log.
    error Closed();
    /// @notice A head has at least one entry and a root that is not zero.
    error EmptyHead();
    /// @notice The head is not of `previousSize`, or is larger than `size`: someone was faster. Reload the head.
    error Stale();
    /// @notice The head has this size and another root: the log has been forked. Stop.
    error Conflict();
    /// @notice The proof does not show that the new head extends the old one. Stop.
    error BadProof();

    /// @notice Creates the log of (`msg.sender`, `salt`), with `publisher` as its first publisher. Nothing is at stake
    /// in an empty log, so the first publisher need not accept; later ones must, so that a working log is never handed
    /// to an account that cannot anchor.
    /// @return logId `logIdOf(msg.sender, salt)`.
    /// @dev Reverts with ZeroPublisher or LogExists.
    function createLog(bytes32 salt, address publisher) external returns (bytes32 logId);

    /// @notice The owner nominates who may become the publisher, replacing an earlier nominee; zero withdraws. The
    /// present publisher goes on until the nominee accepts.
    /// @dev Reverts with UnknownLog or Closed.
    function nominatePublisher(bytes32 salt, address nominee) external;

    /// @notice The nominee becomes the publisher, and the one before is none any more.
    /// @dev Reverts with UnknownLog, Closed or NotNominee.
    function acceptPublisher(bytes32 logId) external;

    /// @notice The owner ends the log for good, naming the log that follows it, or zero.
    /// @dev Reverts with UnknownLog or Closed.
    function closeLog(bytes32 salt, bytes32 successor) external;

    /// @notice The publisher replaces the head (`previousSize`, …) by (`size`, `root`), and `Anchored` is logged. The
    /// head itself (equal size, equal root) is a quiet success whatever the other arguments are: nothing changes or is
    /// logged, so a transaction sent twice does no harm.
    /// @param previousSize The size of the head that `proof` starts from; 0 for the first anchor, with an empty proof.
    /// @param proof The RFC 9162 consistency proof PROOF(previousSize, D_size), in the RFC's order.
    /// @dev Reverts, looked for in this order, with UnknownLog, NotPublisher, Closed, EmptyHead, Conflict, Stale or
    /// BadProof.
    function anchor(bytes32 logId, uint64 previousSize, uint64 size, bytes32 root, bytes32[] calldata proof) external;

    /// @notice The head; (0, 0) while nothing is anchored, or if there is no such log.
    function head(bytes32 logId) external view returns (uint64 size, bytes32 root);

    /// @notice The publisher; zero if there is no such log.
    function publisherOf(bytes32 logId) external view returns (address);

    /// @notice All that is stored about a log; all zeros if there is no such log.
    function log(bytes32 logId) external view returns (Log memory);

    /// @notice The id of the log that `owner` creates, or has created, with `salt` here.
    function logIdOf(address owner, bytes32 salt) external view returns (bytes32);

    /// @notice Whether `proof` is the consistency proof between two trees, by RFC 9162 section 2.1.4.2. False for a
    /// size of zero, which proves nothing, and for `size < previousSize`; equal sizes need equal roots and an empty
    /// proof.
    /// @dev The proof of a true pair is unique: one more, one less or another element is false.
    function verifyConsistency(
        uint64 previousSize,
        bytes32 previousRoot,
        uint64 size,
        bytes32 root,
        bytes32[] calldata proof
    ) external view returns (bool);
}
