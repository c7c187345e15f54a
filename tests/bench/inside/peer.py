"""One libtorrent client: `peer.py SETTINGS`, a JSON file. A student waits for a word on its standard input."""
import json
import socket
import sys
import time

import libtorrent

PORT = 6881
PLAIN_TEXT, FINISHED = 2, 64
SEED_SLOTS, STUDENT_SLOTS = 3, 8


def say(event):
    """Prints a line with the time in milliseconds since 1970."""
    print(json.dumps({"event": event, "t": time.time() * 1000}), flush=True)


def session(seed, requests):
    """A client for a local network: TCP, no encryption, no discovery, quick to connect and to unchoke."""
    client = libtorrent.session({
        "listen_interfaces": f"0.0.0.0:{PORT}", "alert_mask": FINISHED,
        "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
        "enable_incoming_utp": False, "enable_outgoing_utp": False,
        "in_enc_policy": PLAIN_TEXT, "out_enc_policy": PLAIN_TEXT,
        "connections_limit": 2000, "connection_speed": 1000, "torrent_connect_boost": 255, "smooth_connects": False,
        "listen_queue_size": 500, "min_reconnect_time": 2, "max_failcount": 20, "max_peerlist_size": 0,
        "allow_multiple_connections_per_ip": True, "close_redundant_connections": False,
        "unchoke_interval": 5, "peer_turnover": 0, "choking_algorithm": 0, "seed_choking_algorithm": 0,
        "unchoke_slots_limit": SEED_SLOTS if seed else STUDENT_SLOTS,
        "max_out_request_queue": requests, "request_queue_time": 1,
        "upload_rate_limit": 0, "download_rate_limit": 0})
    local = client.get_peer_class(libtorrent.session.local_peer_class_id)
    local["ignore_unchoke_slots"] = False  # the exemption of local networks would undo the slots
    client.set_peer_class(libtorrent.session.local_peer_class_id, local)
    return client


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        wanted = json.load(file)
    client = session(wanted["seed"], wanted["requests"])
    torrent = libtorrent.add_torrent_params()
    torrent.ti = libtorrent.torrent_info(wanted["torrent"])
    torrent.save_path = wanted["folder"]
    torrent.max_connections, torrent.max_uploads = 2000, -1
    torrent.flags &= ~(libtorrent.torrent_flags.auto_managed | libtorrent.torrent_flags.paused)
    if wanted["seed"]:
        torrent.flags |= libtorrent.torrent_flags.seed_mode
        say("armed")
    else:
        say("armed")
        sys.stdin.readline()
    handle = client.add_torrent(torrent)
    own = socket.inet_aton(wanted["own"])
    for other in wanted["others"]:
        # Of each pair one dials, so that they do not cross; the teacher never does.
        if not wanted["seed"] and (other == wanted["teacher"] or socket.inet_aton(other) > own):
            handle.connect_peer((other, PORT))
    while True:
        client.wait_for_alert(1000)
        for alert in client.pop_alerts():
            if isinstance(alert, libtorrent.torrent_finished_alert) and not wanted["seed"]:
                handle.flush_cache()
                say("done")


main()
