"""send-to-session: what every entry calls."""

import os
import subprocess

from portal import Portal
from shared import APP_ID, Desk


class SendToSession(Desk):
    def test_the_installed_program_gets_every_name_as_it_is(self):
        self.program("handout")
        called = self.recorded(lambda: self.run_entry([self.send, *self.odd]))
        self.assertEqual(called, ["handout", "--", *self.odd])

    def test_a_name_in_this_folder_is_no_option_and_becomes_a_whole_path(self):
        self.program("handout")
        folder = os.path.dirname(self.odd[0])
        called = self.recorded(lambda: subprocess.run([self.send, "-rf", "two"], cwd=folder, check=True))
        self.assertEqual(called, ["handout", "--", f"{folder}/-rf", f"{folder}/two"])

    def test_addresses_stay_addresses(self):
        self.program("handout")
        address = "file:///srv/a%20b%0Ac"
        self.assertEqual(self.recorded(lambda: self.run_entry([self.send, address])), ["handout", "--", address])

    def test_the_installed_program_comes_before_the_flatpak(self):
        self.flatpak()
        self.program("handout")
        self.assertEqual(self.recorded(lambda: self.run_entry([self.send, "/a"]))[0], "handout")

    def test_the_flatpak_gets_every_name_by_file_forwarding(self):
        self.flatpak()
        called = self.recorded(lambda: self.run_entry([self.send, *self.odd]))
        forwarded = [word for path in self.odd for word in ("@@u", path, "@@")]
        self.assertEqual(called, ["flatpak", "run", "--file-forwarding", APP_ID, *forwarded])

    def test_without_python_the_flatpak_gets_every_name_too(self):
        self.flatpak()
        (self.bin / "python3").unlink()
        called = self.recorded(lambda: self.run_entry([self.send, *self.odd]))
        self.assertEqual(called, ["flatpak", "run", "--file-forwarding", APP_ID, "@@u", *self.odd, "@@"])

    def test_the_flatpak_gets_folders_by_the_document_portal_in_their_order(self):
        self.flatpak()
        folders = [path + ".d" for path in self.odd if len(os.path.basename(path)) < 200]
        for folder in folders:
            os.mkdir(folder)
        with Portal() as portal:
            called = self.recorded(lambda: self.run_entry([self.send, folders[0], self.odd[0], *folders[1:]]))
        seen = [f"/run/user/7/doc/id{n}/{os.path.basename(folder)}" for n, folder in enumerate(folders)]
        words = [seen[0], "@@u", self.odd[0], "@@", *seen[1:]]
        self.assertEqual(called, ["flatpak", "run", "--file-forwarding", APP_ID, *words])
        self.assertEqual(portal.asked, [(folders, 1 | 4 | 8, APP_ID, ["read"])])

    def test_the_address_of_a_folder_is_a_folder(self):
        self.flatpak()
        folder = os.path.dirname(self.odd[0])
        with Portal() as portal:
            called = self.recorded(lambda: self.run_entry([self.send, "file://" + folder.replace(" ", "%20")]))
        self.assertEqual(called[-1], "/run/user/7/doc/id0/odd")
        self.assertEqual(portal.asked[0][0], [folder])

    def test_without_a_portal_the_program_gets_the_folders_own_path(self):
        self.flatpak()
        os.environ["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/nowhere"
        folder = os.path.dirname(self.odd[0])
        self.assertEqual(self.recorded(lambda: self.run_entry([self.send, folder]))[-1], folder)

    def test_says_whether_there_is_a_program(self):
        self.assertNotEqual(self.run_entry([self.send, "--check"]).returncode, 0)
        self.flatpak()
        self.assertEqual(self.run_entry([self.send, "--check"]).returncode, 0)

    def test_without_a_program_nothing_happens_and_nothing_is_said(self):
        done = self.run_entry([self.send, *self.odd])
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))

    def test_flatpak_without_handout_is_no_program(self):
        self.program("flatpak")
        self.assertNotEqual(self.run_entry([self.send, "--check"]).returncode, 0)
        self.assertEqual(self.run_entry([self.send, "/a"]).returncode, 0)
