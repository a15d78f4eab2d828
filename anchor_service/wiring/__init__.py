"""Puts the parts together: the only place that names adapters."""

from anchor_service.wiring.creating import create, upgrade
from anchor_service.wiring.desk import Desk
from anchor_service.wiring.health import Health
from anchor_service.wiring.opening import build, build_front, build_worker, look
from anchor_service.wiring.places import DATABASE, KEYS
from anchor_service.wiring.serving import Front, Service, Worker

__all__ = [
    "DATABASE",
    "KEYS",
    "Desk",
    "Front",
    "Health",
    "Service",
    "Worker",
    "build",
    "build_front",
    "build_worker",
    "create",
    "look",
    "upgrade",
]
