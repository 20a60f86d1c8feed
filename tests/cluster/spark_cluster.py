"""A Spark cluster of the tests' own: a master, workers of one core each, and a Thrift server.

All of it is in pyspark's package, and listens on loopback alone.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyspark

SPARK = Path(pyspark.__file__).parent
HOST = "127.0.0.1"
_START_SECONDS = 120


@dataclass(frozen=True)
class Cluster:
    """A running cluster."""

    port: int
    """That of the Thrift server."""
    workers: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    """By name, with the executors that they have started in their process groups."""

    def environment(self, schema: str) -> dict[str, str]:
        """What dbt is told of where to connect and where to write."""
        return {
            "SPARK_HOST": HOST,
            "SPARK_PORT": str(self.port),
            "LAGO_COLLECTION_SCHEMA": schema,
        }

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows that a statement gives, none where it gives no result."""
        from pyhive import hive

        with closing(hive.connect(HOST, self.port)) as connection:
            cursor = connection.cursor()
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []


@contextmanager
def running_cluster(
    directory: Path, workers: int, memory: str = "2g", events: Path | None = None
) -> Iterator[Cluster]:
    """Start a cluster with its tables, logs and metastore in a directory, and end it after.

    `memory` is that of each worker; `events` a directory for Spark's log of events. SIGTERM
    is a KeyboardInterrupt meanwhile, so that it ends the cluster as well.
    """
    processes: list[subprocess.Popen[bytes]] = []
    environment = os.environ | {
        "SPARK_HOME": str(SPARK),
        "SPARK_LOCAL_IP": HOST,
        "SPARK_LOCAL_DIRS": str(directory / "local"),
        "SPARK_WORKER_DIR": str(directory / "work"),
        "SPARK_NO_DAEMONIZE": "1",
    }

    def start(name: str, *command: str) -> "subprocess.Popen[bytes]":
        with (directory / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [str(SPARK / "bin" / command[0]), *command[1:]],
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        processes.append(process)
        return process

    def until(what: str, is_so: Callable[[], bool]) -> None:
        latest = time.monotonic() + _START_SECONDS
        while not is_so():
            gone = [process.args for process in processes if process.poll() is not None]
            if gone or time.monotonic() > latest:
                logs = [log.read_text()[-2_000:] for log in sorted(directory.glob("*.log"))]
                raise AssertionError(f"{what} does not come up; ended: {gone}\n" + "\n".join(logs))
            time.sleep(0.2)

    master_port, thrift_port = _free_ports(2)
    master = f"spark://{HOST}:{master_port}"
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        start(
            *("master", "spark-class", "org.apache.spark.deploy.master.Master"),
            *("--host", HOST, "--port", str(master_port), "--webui-port", "0"),
        )
        until("the master", lambda: _answers(master_port))
        found = {}
        for number in range(1, workers + 1):
            name = f"worker_{number}"
            found[name] = start(
                *(name, "spark-class", "org.apache.spark.deploy.worker.Worker", master),
                *("--host", HOST, "--cores", "1", "--memory", memory, "--webui-port", "0"),
            )
        settings: dict[str, object] = {
            "spark.sql.warehouse.dir": directory / "tables",
            "spark.hadoop.javax.jdo.option.ConnectionURL": (
                f"jdbc:derby:;databaseName={directory / 'metastore'};create=true"
            ),
            "spark.driver.extraJavaOptions": "-Dderby.stream.error.file=/dev/null",
            "spark.driver.host": HOST,
            "spark.driver.bindAddress": HOST,
            "spark.executor.memory": memory,
            "spark.executor.cores": "1",
            "spark.sql.shuffle.partitions": "8",
            "spark.ui.enabled": "false",
        }
        if events:
            events.mkdir()
            settings |= {
                "spark.eventLog.enabled": "true",
                "spark.eventLog.dir": events,
                "spark.eventLog.compress": "false",
            }
        start(
            *("thrift", "spark-submit", "--master", master),
            *("--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"),
            *(word for name, value in settings.items() for word in ("--conf", f"{name}={value}")),
            *("spark-internal", "--hiveconf", f"hive.server2.thrift.port={thrift_port}"),
            *("--hiveconf", f"hive.server2.thrift.bind.host={HOST}"),
        )
        until("the Thrift server", lambda: _answers(thrift_port))
        yield Cluster(thrift_port, found)
    finally:
        for process in reversed(processes):
            end(process)
        signal.signal(signal.SIGTERM, before)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and what it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    process.wait()


def _answers(port: int) -> bool:
    with closing(socket.socket()) as client:
        return client.connect_ex((HOST, port)) == 0


def _free_ports(count: int) -> Sequence[int]:
    taken = [socket.socket() for _ in range(count)]
    for each in taken:
        each.bind((HOST, 0))
    ports = [each.getsockname()[1] for each in taken]
    for each in taken:
        each.close()
    return ports
