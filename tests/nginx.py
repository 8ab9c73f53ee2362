"""A real nginx in front of a server: /speech/ with the prefix taken off and told, /left/ with it left on and told."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.service.server import free_port

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="there is no nginx here")
CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  proxy_buffering off;
  proxy_request_buffering off;
  proxy_http_version 1.1;
  include {folder}/told.conf;
  map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}
  server {{
    listen 127.0.0.1:{port};
    location /speech/ {{
      proxy_pass {url}/;
      include {folder}/told.conf;
      proxy_set_header X-Forwarded-Prefix /speech;
    }}
    location /left/ {{
      proxy_pass {url};
      include {folder}/told.conf;
      proxy_set_header X-Forwarded-Prefix /left;
    }}
    location /silent/ {{ proxy_pass {url}/; }}
  }}
}}
"""
# A location that sets one header takes none from outside.
TOLD = """
proxy_set_header Host $http_host;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $connection_upgrade;
"""


@contextmanager
def nginx(folder: Path, url: str) -> Iterator[str]:
    """Its address. `/silent/` tells the server of no prefix."""
    port = free_port()
    (folder / "told.conf").write_text(TOLD)
    (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, port=port, url=url))
    process = subprocess.Popen([str(NGINX), "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)
