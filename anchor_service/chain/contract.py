"""The registry's calls and answers as bytes, by its ABI."""

from __future__ import annotations

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from web3 import Web3

from anchor_service.chain.artefact import read_artefact
from anchor_service.ports import AnchorCall, ChainUnavailable, RegistryHead
from anchor_service.protocol.anchor import keccak256
from anchor_service.protocol.hashes import Hash, LogId


class RegistryCodec:
    """Encodes what is asked of `AnchorRegistry`, and decodes what it answers."""

    def __init__(self) -> None:
        abi = read_artefact().abi
        self._contract = Web3().eth.contract(abi=abi)
        self._errors = {
            bytes(keccak256(f"{item['name']}()".encode())[:4]): str(item["name"])
            for item in abi
            if item["type"] == "error"
        }

    def anchor(self, call: AnchorCall) -> bytes:
        """Calldata of `anchor`."""
        return self._encode("anchor", [call.log, call.previous_size, call.size, call.root, list(call.proof)])

    def create_log(self, salt: bytes, publisher: bytes) -> bytes:
        """Calldata of `createLog`."""
        return self._encode("createLog", [salt, Web3.to_checksum_address(publisher)])

    def head(self, log: LogId) -> bytes:
        """Calldata of `head`."""
        return self._encode("head", [log])

    def read_head(self, answer: bytes) -> RegistryHead:
        """What `head` returned."""
        size, root = _decode(["uint64", "bytes32"], answer)
        if not isinstance(size, int) or not isinstance(root, bytes):
            raise TypeError("eth_abi decodes a uint64 and a bytes32 to these")
        return RegistryHead(size, Hash(root))

    def publisher_of(self, log: LogId) -> bytes:
        """Calldata of `publisherOf`."""
        return self._encode("publisherOf", [log])

    def read_publisher(self, answer: bytes) -> bytes:
        """What `publisherOf` returned: 20 bytes, zeros where there is no such log."""
        return bytes.fromhex(str(_decode(["address"], answer)[0])[2:])

    def error_name(self, reason: bytes) -> str | None:
        """The name of the registry's error that a call reverted with; None for any other reason."""
        return self._errors.get(reason[:4])

    def _encode(self, function: str, arguments: list[object]) -> bytes:
        return bytes.fromhex(self._contract.encode_abi(function, arguments)[2:])


def _decode(types: list[str], answer: bytes) -> tuple[object, ...]:
    try:
        return decode(types, answer)
    except DecodingError as problem:
        raise ChainUnavailable("node_nonsense", f"not what the registry answers: {problem}") from problem
