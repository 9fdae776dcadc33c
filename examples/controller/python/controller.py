# SPDX-License-Identifier: Apache-2.0
"""Keeps the policies and registered containers of one host as two files say, and prints the host's security events, one
as JSON on each line."""

import argparse
import random
import sys
import time

import grpc
from google.protobuf import json_format
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from hauberk.v1 import container_pb2, container_pb2_grpc, event_pb2, event_pb2_grpc, policy_pb2, policy_pb2_grpc

CALL_SECONDS = 30
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 10

# How a lost connection, or a daemon that stops, ends a call.
PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.CANCELLED,
}


class Controller:
    def __init__(self, channel: grpc.Channel, policies: str, containers: str) -> None:
        self.policy_service = policy_pb2_grpc.PolicyServiceStub(channel)
        self.container_service = container_pb2_grpc.ContainerServiceStub(channel)
        self.event_service = event_pb2_grpc.EventServiceStub(channel)
        self.policies = policies
        self.containers = containers
        # Where the stream of events stands; None before the first.
        self.position = None
        # The longest to wait before the next attempt.
        self.ceiling = FIRST_WAIT_SECONDS

    def run(self) -> None:
        """Brings the host to what the files say and follows its events, again and again, until it answers what no
        retry can mend."""
        while True:
            try:
                self.sync()
                self.follow()
            except grpc.RpcError as error:
                wait = self.wait_after(error)
                if wait is None:
                    raise
                log(f"{error.code().name}: {error.details()}; again in {wait:.3f} s")
                time.sleep(wait)

    def sync(self) -> None:
        """Tells the host all that it is to have. The same request twice changes nothing, so it is sent after every
        interruption, whatever became of the one before."""
        with open(self.policies, encoding="utf-8") as file:
            wanted_policies = policy_pb2.SyncPoliciesRequest(manifest=file.read())
        with open(self.containers, encoding="utf-8") as file:
            wanted_containers = json_format.Parse(file.read(), container_pb2.SyncContainersRequest())
        policies = self.policy_service.SyncPolicies(wanted_policies, timeout=CALL_SECONDS)
        containers = self.container_service.SyncContainers(wanted_containers, timeout=CALL_SECONDS)
        # An answer names as many changes as have room in it, and counts the others.
        log(
            f"{len(policies.changes) + policies.omitted_changes} policies and "
            f"{len(containers.changes) + containers.omitted_changes} containers "
            f"are in force at revision {containers.revision}"
        )

    def follow(self) -> None:
        """Prints events until the stream ends, and remembers where it stands."""
        for response in self.event_service.StreamEvents(event_pb2.StreamEventsRequest(resume_after=self.position)):
            self.ceiling = FIRST_WAIT_SECONDS
            if self.position is not None and self.position.run != response.position.run:
                log("hauberkd was started again: nobody knows how many events came between")
            if response.missed > 0:
                log(f"{response.missed} events were missed")
            for event in response.events:
                print(json_format.MessageToJson(event, indent=None), flush=True)
            self.position = response.position

    def wait_after(self, error: grpc.RpcError) -> float | None:
        """Says how long to wait until an error has passed; None where it does not pass by itself."""
        if error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED:
            # Too many requests pass, and say when; a policy that is too large does not.
            return retry_delay(error)
        if error.code() not in PASSING:
            return None
        # Anywhere up to the ceiling, so that controllers cut off together do not come back together.
        wait = random.uniform(0, self.ceiling)
        self.ceiling = min(2 * self.ceiling, LONGEST_WAIT_SECONDS)
        return wait


def retry_delay(error: grpc.RpcError) -> float | None:
    """The time that google.rpc.RetryInfo in the details of a status names."""
    answer = rpc_status.from_call(error)
    for detail in answer.details if answer is not None else []:
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(retry):
            return retry.retry_delay.ToTimedelta().total_seconds()
    return None


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True, help="ADDRESS:PORT of hauberkd")
    parser.add_argument("--ca", required=True, help="file with the authority of hauberkd's certificate")
    parser.add_argument("--certificate", required=True, help="file with this controller's certificate; its name has a role")
    parser.add_argument("--key", required=True, help="file with its private key")
    parser.add_argument("--policies", required=True, help="file with the policies of the host, as YAML")
    parser.add_argument("--containers", required=True, help="file with a SyncContainersRequest, as JSON")
    arguments = parser.parse_args()
    credentials = grpc.ssl_channel_credentials(read(arguments.ca), read(arguments.key), read(arguments.certificate))
    options = [
        # Without a sign of life from time to time a host that has vanished would never be missed.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        # It comes back as soon as this controller does, which waits by itself.
        ("grpc.max_reconnect_backoff_ms", LONGEST_WAIT_SECONDS * 1000),
    ]
    with grpc.secure_channel(arguments.address, credentials, options) as channel:
        try:
            Controller(channel, arguments.policies, arguments.containers).run()
        except grpc.RpcError as error:
            sys.exit(f"{error.code().name}: {error.details()}")


if __name__ == "__main__":
    main()
