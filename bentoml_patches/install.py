"""The patches that take effect wherever the service is loaded: in the supervisor and in its workers.

The others are used where they are needed; README.md lists all of them.
"""

import os

import bentoml
import uvicorn.config
from bentoml import serving
from bentoml._internal.server.http import traffic
from bentoml._internal.utils import circus
from bentoml._internal.utils.analytics import usage_stats

from bentoml_patches.connections import raise_descriptor_limit
from bentoml_patches.lifetime import SUPERVISOR, end_with_supervisor
from bentoml_patches.run_folder import keep_tasks_apart, metrics_folder
from bentoml_patches.supervisor import create_arbiter
from bentoml_patches.timeouts import Timeout


def install() -> None:
    """To be called while the service's module is imported: the supervisor serves after that, a worker listens."""
    os.environ.setdefault(usage_stats.BENTOML_DO_NOT_TRACK, "True")
    usage_stats.do_not_track.cache_clear()  # the command line has asked already
    serving.ensure_prometheus_dir = metrics_folder
    circus.create_standalone_arbiter = create_arbiter
    traffic.TimeoutMiddleware = Timeout
    uvicorn.config.HTTP_PROTOCOLS["auto"] = "bentoml_patches.connections:Connection"
    uvicorn.config.WS_PROTOCOLS["auto"] = "bentoml_patches.sockets:Socket"
    raise_descriptor_limit()
    if bentoml.server_context.worker_index is None:
        os.environ[SUPERVISOR] = str(os.getpid())
        keep_tasks_apart()
    else:
        end_with_supervisor()
