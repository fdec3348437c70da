# ruff: noqa: E402 (the standard library is patched before anything imports it)
"""OpenStack Swift on loopback with its S3 API, all four servers in one process: `python3 swift_server.py FOLDER`.

Run by Debian's python3, with the packages `python3-swift` and what it needs installed, or unpacked and on PYTHONPATH.
Access key `test:tester`, secret `testing`. Writes its port to FOLDER/port when it listens.
"""

import os
import sys
from pathlib import Path

import eventlet

eventlet.monkey_patch()

import eventlet.wsgi
from swift.common import utils
from swift.common.http_protocol import SwiftHttpProtocol
from swift.common.ring import RingBuilder
from swift.common.wsgi import loadapp

SERVERS = ("account", "container", "object")

STORE = """
[DEFAULT]
devices = {folder}/disks
swift_dir = {folder}
mount_check = false
bind_port = {port}
log_address = {folder}/no-syslog
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""

PROXY = """
[DEFAULT]
swift_dir = {folder}
log_address = {folder}/no-syslog
[pipeline:main]
pipeline = catch_errors gatekeeper proxy-logging cache listing_formats s3api tempauth copy slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:proxy-logging]
use = egg:swift#proxy_logging
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
"""


def main(folder: Path) -> None:
    utils.HASH_PATH_SUFFIX = b"test"
    utils.FALLOCATE_RESERVE = 0
    sockets = {name: eventlet.listen(("127.0.0.1", 0)) for name in (*SERVERS, "proxy")}
    ports = {name: socket.getsockname()[1] for name, socket in sockets.items()}
    (folder / "disks" / "sda").mkdir(parents=True)
    for name in SERVERS:
        make_ring(folder / f"{name}.ring.gz", ports[name])
    threads = []
    for name, socket in sockets.items():
        path = folder / f"{name}.conf"
        text = PROXY if name == "proxy" else STORE
        path.write_text(text.format(folder=folder, name=name, port=ports[name]))
        app = loadapp(str(path))
        threads.append(eventlet.spawn(eventlet.wsgi.server, socket, app, log_output=False, protocol=SwiftHttpProtocol))
    (folder / "port.partial").write_text(str(ports["proxy"]))
    os.replace(folder / "port.partial", folder / "port")
    for thread in threads:
        thread.wait()


def make_ring(path: Path, port: int) -> None:
    """A ring of one device, which holds everything once."""
    builder = RingBuilder(4, 1, 0)
    device = {"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "sda", "weight": 1.0}
    builder.add_dev({**device, "replication_ip": "127.0.0.1", "replication_port": port})
    builder.rebalance()
    builder.get_ring().save(str(path))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
