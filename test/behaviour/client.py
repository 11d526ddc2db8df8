"""What a service written in Python does with Carillon over gRPC, for test/behaviour/protocols.test.ts. Prints one JSON line per result.

client.py ADDRESS GENERATED COMMAND
"""

import json
import sys

address, generated, command = sys.argv[1:4]
sys.path.insert(0, generated)

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from carillon.common.v1 import common_pb2
from carillon.ingest.v1 import ingest_pb2, ingest_pb2_grpc
from carillon.tracker.v1 import tracker_pb2, tracker_pb2_grpc


def say(**result):
    print(json.dumps(result), flush=True)


def failure(error):
    """The code, the reason and the fields of what a call was refused with."""
    reason, fields, retry = None, [], None
    for detail in rpc_status.from_call(error).details:
        info, request, again = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason = info.reason
        if detail.Unpack(request):
            fields = [violation.field for violation in request.field_violations]
        if detail.Unpack(again):
            retry = again.retry_delay.ToMilliseconds()
    return {"code": error.code().name, "reason": reason, "fields": fields, "retryMs": retry}


def request(**more):
    recipients = [ingest_pb2.Recipient(user_id="ann")]
    return ingest_pb2.SendRequest(recipients=recipients, event_type="post.liked", content={"title": "From Python"}, **more)


with grpc.insecure_channel(address) as channel:
    ingest = ingest_pb2_grpc.IngestServiceStub(channel)
    tracker = tracker_pb2_grpc.TrackerServiceStub(channel)

    if command == "send":
        answer, call = ingest.Send.with_call(request(), timeout=10, compression=grpc.Compression.Gzip)
        say(id=answer.notification_id, requestId=dict(call.initial_metadata()).get("x-request-id"))

    if command == "watch":
        sent = ingest.Send(request(), timeout=10)
        for message in tracker.WatchNotification(tracker_pb2.WatchNotificationRequest(notification_id=sent.notification_id)):
            say(status=common_pb2.NotificationStatus.Name(message.status), update=message.WhichOneof("update"))
        say(ended=True)

    if command == "refused":
        for wrong in (
            ingest_pb2.SendRequest(content={"title": "Nobody"}),
            ingest_pb2.SendRequest(recipients=[{"email": "nobody"}], content={"title": "x"}),
        ):
            try:
                ingest.Send(wrong, timeout=10)
            except grpc.RpcError as error:
                say(**failure(error))
        try:
            tracker.GetNotification(tracker_pb2.GetNotificationRequest(notification_id="0192f0c1-2345-7abc-8def-0123456789ab"), timeout=10)
        except grpc.RpcError as error:
            say(**failure(error))

    if command == "large":
        try:
            ingest.Send(request(actor="x" * 6_000_000), timeout=10)
        except grpc.RpcError as error:
            say(**failure(error))
        many = [request(idempotency_key=f"python-{each}") for each in range(1_000)]
        answer = ingest.SendBatch(ingest_pb2.SendBatchRequest(notifications=many), timeout=30)
        say(accepted=sum(result.HasField("accepted") for result in answer.results))

    if command == "wait":
        # A delivery that waits, until the process goes: told so, and told when to come again.
        sent = ingest.Send(ingest_pb2.SendRequest(recipients=[{"email": "ann@example.test"}], content={"title": "Wait"}), timeout=10)
        try:
            for message in tracker.WatchNotification(tracker_pb2.WatchNotificationRequest(notification_id=sent.notification_id)):
                say(update=message.WhichOneof("update"))
        except grpc.RpcError as error:
            say(**failure(error))
