// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AnchorRegistry} from "../AnchorRegistry.sol";
import {World} from "./World.t.sol";

/// @dev No sequence of calls by anyone ever logs two roots for one size, or a head that does not extend every earlier
/// head; a publisher, honest or stolen, can only extend and not rotate itself; an owner can rotate and close, and not
/// rewrite; outsiders can do nothing to the logs of others. World asserts it call by call, and here after each call as
/// a whole.
contract InvariantTest {
    World private immutable world = new World(new AnchorRegistry());

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(world);
    }

    function invariant_RegistryIsWhatTheBooksSay() external view {
        world.check();
    }
}
