"""SyncUsers: calls the partner API for one slice of users."""

import os
from typing import Any

from express_batch.adapters.dynamodb_table import DynamoDbTable
from express_batch.adapters.kinesis_stream import KinesisStream
from express_batch.adapters.partner_api import PartnerApiConnections
from express_batch.adapters.s3_store import S3Store
from express_batch.chunk_cache import ChunkCache
from express_batch.chunks import Slice
from express_batch.circuit_probe import probe_partner
from express_batch.invocation import Invocation
from express_batch.observability import Observability
from express_batch.partner_circuit import PartnerCircuit
from express_batch.settings import SyncUsersSettings
from express_batch.slice_turn import Limits
from express_batch.stop_switch import StopSwitch
from express_batch.sync_users import sync_users
from job import job

# Outside the handler: an environment keeps them from invocation to invocation.
settings = SyncUsersSettings.from_environment(os.environ)
observability = Observability(settings)
store = S3Store(settings.run_bucket)
chunks = ChunkCache(store)
switch = StopSwitch(store)
circuit = PartnerCircuit(store)
limits = Limits(DynamoDbTable)
stream = KinesisStream(settings.row_stream)
partner = PartnerApiConnections(
    settings.partner_api_url,
    timeout_seconds=settings.partner_api_timeout_seconds,
    connections=settings.calls_in_flight,
)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Calls for a slice's users and sends their rows to the stream; or asks a few whether the partner is there."""
    with observability.invocation(context) as observer:
        slice_ = Slice.from_event(event)
        observer.identify(run_id=slice_.run_id, chunk=slice_.chunk)
        invocation = Invocation(context.aws_request_id, context.get_remaining_time_in_millis() / 1000)
        if slice_.is_probe:
            return probe_partner(
                slice_,
                invocation=invocation,
                job=job,
                chunks=chunks,
                store=store,
                partner=partner,
                observer=observer,
                switch=switch,
                limit=limits.of_event(event),
            )
        return sync_users(
            slice_,
            invocation=invocation,
            job=job,
            calls_in_flight=settings.calls_in_flight,
            chunks=chunks,
            store=store,
            stream=stream,
            partner=partner,
            observer=observer,
            switch=switch,
            circuit=circuit if slice_.circuit_breaker else None,
            limit=limits.of_event(event),
        )
