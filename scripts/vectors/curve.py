"""Ed25519 by hand (RFC 8032 5.1), slow and for vectors alone: signatures that readers without a rule disagree on."""

from __future__ import annotations

from hashlib import sha512
from typing import Final

P: Final = 2**255 - 19
L: Final = 2**252 + 27742317777372353535851937790883648493
D: Final = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]

IDENTITY: Final[Point] = (0, 1)


def add(one: Point, other: Point) -> Point:
    """Add two points."""
    (x1, y1), (x2, y2) = one, other
    turn = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + turn, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - turn, -1, P)
    return x % P, y % P


def times(scalar: int, point: Point) -> Point:
    """Multiply a point."""
    result = IDENTITY
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def recover(y: int) -> Point:
    """Return the point of this y whose x is even; ValueError where there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square:
        raise ValueError("no point of this y")
    return (P - x if x & 1 else x), y


BASE: Final = recover(4 * pow(5, -1, P) % P)


def encode(point: Point) -> bytes:
    """Encode a point."""
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def torsion() -> Point:
    """Return a point of order 8."""
    y = 2
    while True:
        try:
            point = times(L, recover(y))
        except ValueError:
            y += 1
            continue
        if times(4, point) != IDENTITY:
            return point
        y += 1


def sign(seed: bytes, message: bytes, twist: Point = IDENTITY, more: int = 0) -> bytes:
    """Sign as RFC 8032 does, but add `twist` to R, and `more` to S: both hold for readers that are not strict."""
    nonce = int.from_bytes(sha512(sha512(seed).digest()[32:] + message).digest(), "little") % L
    return sign_with(nonce, seed, message, twist, more)


def sign_with(nonce: int, seed: bytes, message: bytes, twist: Point = IDENTITY, more: int = 0) -> bytes:
    """Sign with a nonce of one's own: 0 gives away the key, and holds by the rule."""
    scalar = int.from_bytes(sha512(seed).digest()[:32], "little") & (1 << 254) - 8 | 1 << 254
    public = encode(times(scalar, BASE))
    point = encode(add(times(nonce, BASE), twist))
    challenge = int.from_bytes(sha512(point + public + message).digest(), "little") % L
    return point + ((nonce + challenge * scalar) % L + more).to_bytes(32, "little")
