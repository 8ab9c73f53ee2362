"""The database itself, and what DBOS does not do in it: know which servers are alive, and that a job gets on."""

from pathlib import Path
from typing import Final

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


class Tables:
    def __init__(self, engine: sa.Engine) -> None:
        """Makes ours where it is missing. Raises SQLAlchemyError."""
        self._engine = engine
        self.schema = None if engine.dialect.name == "sqlite" else SCHEMA
        made = sa.MetaData(schema=self.schema)
        columns = (sa.Column("id", sa.Text, primary_key=True), sa.Column("beats", sa.BigInteger))
        self._servers = sa.Table("servers", made, *columns)
        self._workflows = sa.table(  # DBOS's
            "workflow_status", sa.column("workflow_uuid"), sa.column("recovery_attempts"), schema=self.schema
        )
        with engine.begin() as connection:
            if self.schema:
                connection.execute(sa.schema.CreateSchema(self.schema, if_not_exists=True))
            made.create_all(connection)

    def beat(self, server: str) -> dict[str, int]:
        """It is alive. How many beats each had so far."""
        table = self._servers
        with self._engine.begin() as connection:
            once_more = sa.update(table).where(table.c.id == server).values(beats=table.c.beats + 1)
            if not connection.execute(once_more).rowcount:
                connection.execute(sa.insert(table).values(id=server, beats=0))
            return {row.id: row.beats for row in connection.execute(sa.select(table))}

    def remove(self, server: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.delete(self._servers).where(self._servers.c.id == server))

    def gets_on(self, job: str) -> None:
        """It has finished something: the attempts before do not count."""
        table = self._workflows
        with self._engine.begin() as connection:
            connection.execute(sa.update(table).where(table.c.workflow_uuid == job).values(recovery_attempts=1))
