"""rtsp_camera.py VIDEO PORT [NAME PASSWORD]: GStreamer's RTSP server, playing an H.264 .mp4 once at its pace.

Run by a python that has gi, which is seldom that of the tests. Says `ready` when it listens; port 0: only
whether it could.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

# identity: over TCP the server would send as fast as the client reads.
PIPELINE = (
    "( filesrc location={} ! qtdemux ! identity sync=true ! rtph264pay name=pay0 pt=96 config-interval=1 )"
)
ROLE = "viewer, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"


def main(video: str, port: str, name: str = "", password: str = "") -> None:
    Gst.init(None)
    for element in ("filesrc", "qtdemux", "identity", "rtph264pay"):
        if Gst.ElementFactory.find(element) is None:
            sys.exit(f"GStreamer lacks {element}")
    server, factory = GstRtspServer.RTSPServer(), GstRtspServer.RTSPMediaFactory()
    if port == "0":
        return
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory.set_launch(PIPELINE.format(video))
    factory.set_shared(True)
    if name:
        auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        auth.add_basic(auth.make_basic(name, password), token)
        server.set_auth(auth)
        factory.add_role_from_structure(Gst.Structure.new_from_string(ROLE))
    server.get_mount_points().add_factory("/camera", factory)
    if server.attach(None) == 0:
        sys.exit(f"port {port} is taken")
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:])
