"""A worker for BuildGrid, which has none of its own: takes leases (Remote Workers API), and has them executed by buildbox-run.

    bot.py SCHEDULER INSTANCE NAME PROPERTY=VALUE,... CERTIFICATES RUNNER [RUNNER-ARGUMENT...]

SCHEDULER is HOST:PORT, with TLS. Runs in BuildGrid's virtual environment, whose messages it uses. One job at a time.
"""
import os
import subprocess
import sys
import tempfile
import time
import uuid

import grpc
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as re
from buildgrid._protos.google.devtools.remoteworkers.v1test2 import bots_pb2, bots_pb2_grpc, worker_pb2

PENDING, ACTIVE, COMPLETED, CANCELLED = 1, 2, 4, 5
INTERNAL = 13
CALL_SECONDS = 30


def execute(lease, runner):
    """Code and message of a google.rpc.Status, and the ActionResult, which is None when there is none."""
    action = re.Action()
    lease.payload.Unpack(action)
    with tempfile.TemporaryDirectory() as scratch:
        source, result = os.path.join(scratch, 'action'), os.path.join(scratch, 'result')
        with open(source, 'wb') as file:
            file.write(action.SerializeToString())
        done = subprocess.run([*runner, f'--action={source}', f'--action-result={result}'], stderr=subprocess.PIPE)
        if done.returncode != 0 or not os.path.exists(result):
            return INTERNAL, done.stderr.decode(errors='replace')[-2000:], None
        answer = re.ActionResult()
        with open(result, 'rb') as file:
            answer.ParseFromString(file.read())
        answer.execution_metadata.worker = name
        return 0, '', answer


def serve(bots, instance, name, properties, runner):
    """Ends with a grpc.RpcError when the scheduler does not know the session any more, or is gone."""
    device = worker_pb2.Device(
        handle=name, properties=[worker_pb2.Device.Property(key=key, value=value) for key, value in properties]
    )
    session = bots_pb2.BotSession(
        bot_id=f'{name}-{uuid.uuid4()}', status=1, worker=worker_pb2.Worker(devices=[device])
    )
    request = bots_pb2.CreateBotSessionRequest(parent=instance, bot_session=session)
    session = bots.CreateBotSession(request, timeout=CALL_SECONDS)

    def update(session):
        request = bots_pb2.UpdateBotSessionRequest(name=session.name, bot_session=session)
        return bots.UpdateBotSession(request, timeout=CALL_SECONDS)

    while True:
        for lease in session.leases:
            if lease.state == PENDING:
                lease.state = ACTIVE
        session = update(session)
        for lease in session.leases:
            if lease.state != ACTIVE:
                continue
            lease.status.code, lease.status.message, answer = execute(lease, runner)
            if answer is not None:
                lease.result.Pack(answer)
            lease.state = COMPLETED


scheduler, instance, name, properties, certificates, *runner = sys.argv[1:]


def read(file):
    with open(os.path.join(certificates, file), 'rb') as stream:
        return stream.read()


credentials = grpc.ssl_channel_credentials(read('ca.pem'), read('client.key'), read('client.pem'))
bots = bots_pb2_grpc.BotsStub(grpc.secure_channel(scheduler, credentials))
pairs = [tuple(pair.split('=', 1)) for pair in properties.split(',')]
while True:
    try:
        serve(bots, instance, name, pairs, runner)
    except grpc.RpcError as error:
        print(name, error.code(), error.details(), file=sys.stderr, flush=True)
        time.sleep(0.5)
