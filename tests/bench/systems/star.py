"""A web server, and one `curl` for each student: what a shared folder or a link in a chat is like."""
from .base import Waiting

PORT = 8000
CONFIGURATION = """daemon off; worker_processes 2; pid {place}/nginx.pid; error_log {place}/nginx.err; user root;
events {{ worker_connections 1024; }}
http {{ access_log off; sendfile on; tcp_nopush on; client_body_temp_path {place}/t1; proxy_temp_path {place}/t2;
  fastcgi_temp_path {place}/t3; uwsgi_temp_path {place}/t4; scgi_temp_path {place}/t5;
  server {{ listen {port}; root {root}; }} }}
"""


class Star(Waiting):
    """nginx. It moves little: N copies take N times as long, whatever the size."""
    name = "nginx"
    needs = ("nginx", "curl")
    size = 4 << 20

    def ready(self, original):
        self.original = original
        place = self.place(0)
        (place / "nginx.conf").write_text(CONFIGURATION.format(place=place, port=PORT, root=original.parent))
        self.program(0, ["nginx", "-p", place, "-e", place / "nginx.err", "-c", place / "nginx.conf"])
        # One that answers is there.
        self.room.hosts[0].run("curl", "-sSf", "--retry", "20", "--retry-connrefused", "--retry-delay", "0", "-o", "/dev/null",
                               "-r", "0-0", f"http://127.0.0.1:{PORT}/{original.name}")
        self.arm()

    def student(self, number):
        return ["curl", "-sSf", "--retry", "5", "--retry-connrefused", "-o", self.place(number) / self.original.name,
                f"http://10.60.0.1:{PORT}/{self.original.name}"]

    def worst(self):
        return 1.5 * self.room.students
