"""The reference for ingest: what one writes first.

A plain FastAPI endpoint, pydantic models, the SQLAlchemy ORM, SQLite or PostgreSQL with the same durability (on SQLite
WAL and synchronous FULL, PostgreSQL as it comes).
It checks an idempotency key and stores the event, and does nothing else: no salts, no commitments, no receipts.
"""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import JSON, Engine, create_engine, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Event(BaseModel):
    """The event as it comes."""

    event_id: str
    order_id: str
    type: str
    occurred_at: datetime
    actor: dict[str, str]
    location: dict[str, Any] | None = None
    items: list[dict[str, Any]] = []
    parties: dict[str, Any] = {}
    source: dict[str, str] = {}


class Base(DeclarativeBase):
    """The tables."""


class Row(Base):
    """The event as it is stored."""

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(unique=True)
    order_id: Mapped[str] = mapped_column(index=True)
    body: Mapped[dict[str, Any]] = mapped_column(JSON)


class Answer(BaseModel):
    """What the sender is told."""

    status: str
    event_id: str


def create() -> FastAPI:
    """Make the application on the database that REFERENCE_DB names."""
    engine: Engine = create_engine(os.environ["REFERENCE_DB"])

    @event.listens_for(engine, "connect")
    def pragmas(connection: Any, _record: object) -> None:
        if engine.dialect.name != "sqlite":
            return
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
            connection.execute(f"PRAGMA {pragma}")

    Base.metadata.create_all(engine)
    app = FastAPI()

    def store(session: Session, item: Event) -> Answer:
        if session.scalar(select(Row.id).where(Row.event_id == item.event_id)) is not None:
            return Answer(status="known", event_id=item.event_id)
        session.add(Row(event_id=item.event_id, order_id=item.order_id, body=item.model_dump(mode="json")))
        return Answer(status="accepted", event_id=item.event_id)

    @app.post("/many")
    def many(items: list[Event]) -> list[Answer]:
        with Session(engine) as session:
            answers = [store(session, item) for item in items]
            session.commit()
        return answers

    @app.post("/one")
    def one(item: Event) -> Answer:
        with Session(engine) as session:
            answer = store(session, item)
            session.commit()
        return answer

    return app
