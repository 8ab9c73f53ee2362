"""What DBOS does not keep: which servers are alive, which job an Idempotency-Key has made, and that a job gets on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from runners.whole_file import PRIVATE, private_folder

SCHEMA: Final = "xtts"  # in Postgres; DBOS's tables lie there too
CONNECT: Final = {"connect_timeout": 5, "tcp_user_timeout": 10_000, "keepalives_idle": 10, "application_name": "xtts"}


def open_database(url: str) -> sa.Engine:
    """A pool of connections, none of them open yet. One that was lost is replaced before it is used."""
    parsed = sa.make_url(url)
    if parsed.database and parsed.get_backend_name() == "sqlite":
        private_folder(Path(parsed.database).parent)
        Path(parsed.database).touch(PRIVATE)
        return sa.create_engine(parsed, connect_args={"timeout": 30, "isolation_level": "IMMEDIATE"})
    driver = parsed.set(drivername="postgresql+psycopg")
    return sa.create_engine(
        driver, connect_args=CONNECT, pool_pre_ping=True, pool_size=8, max_overflow=8, pool_timeout=5
    )


@dataclass(frozen=True, slots=True)
class Claim:
    job: str  # its id
    digest: str  # of what was asked for


class Tables:
    def __init__(self, engine: sa.Engine, server: str) -> None:
        """`server`: this one's id. Makes the tables where they are missing. Raises SQLAlchemyError."""
        self._engine = engine
        self._server = server
        self.schema = None if engine.dialect.name == "sqlite" else SCHEMA
        made = sa.MetaData(schema=self.schema)
        self._servers = sa.Table(
            "servers", made, sa.Column("id", sa.Text, primary_key=True), sa.Column("beats", sa.BigInteger)
        )
        self._keys = sa.Table(
            "keys",
            made,
            sa.Column("key", sa.Text, primary_key=True),
            sa.Column("job", sa.Text, index=True),
            sa.Column("digest", sa.Text),
        )
        self._workflows = sa.table(  # DBOS's
            "workflow_status", sa.column("workflow_uuid"), sa.column("recovery_attempts"), schema=self.schema
        )
        with engine.begin() as connection:
            if self.schema:
                connection.execute(sa.schema.CreateSchema(self.schema, if_not_exists=True))
            made.create_all(connection)

    def beat(self) -> dict[str, int]:
        """This server is alive. How many beats each had so far."""
        table = self._servers
        with self._engine.begin() as connection:
            once_more = sa.update(table).where(table.c.id == self._server).values(beats=table.c.beats + 1)
            if not connection.execute(once_more).rowcount:
                connection.execute(sa.insert(table).values(id=self._server, beats=0))
            return {row.id: row.beats for row in connection.execute(sa.select(table))}

    def remove_server(self, id: str) -> None:
        self._run(sa.delete(self._servers).where(self._servers.c.id == id))

    def claimed(self, key: str) -> Claim | None:
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(self._keys).where(self._keys.c.key == key)).first()
            return None if row is None else Claim(row.job, row.digest)

    def claim(self, key: str, claim: Claim) -> Claim:
        """The first that was made for the key."""
        try:
            self._run(sa.insert(self._keys).values(key=key, job=claim.job, digest=claim.digest))
        except sa.exc.IntegrityError:
            return self.claimed(key) or claim
        return claim

    def remove_claims(self, job: str) -> None:
        self._run(sa.delete(self._keys).where(self._keys.c.job == job))

    def gets_on(self, job: str) -> None:
        """It has finished something: the attempts before do not count."""
        table = self._workflows
        self._run(sa.update(table).where(table.c.workflow_uuid == job).values(recovery_attempts=1))

    def _run(self, statement: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(statement)
