"""build-aux/lib: what is installed, and with what rights, seen through package managers that only record."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
FEDORA = 'ID=fedora\nVERSION_ID=42\n'
DEBIAN = 'ID=debian\nVERSION_ID=12\n'
RECORD = '#!/bin/sh\necho "$(basename "$0") $*" >>"$RECORD"\n'


class Packages(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        self.record = self.folder / "record"

    def tool(self, name, script=RECORD):
        (self.bin / name).write_text(script)
        (self.bin / name).chmod(0o755)

    def run_shell(self, script, system, user=0):
        (self.folder / "os-release").write_text(system)
        self.record.write_text("")
        libs = "".join(f". {TOP}/build-aux/lib/{part}.sh;" for part in ("say", "packages", "rust", "root", "gtk"))
        # EUID cannot be set; a function in its place tells the same story.
        rights = "" if user == 0 else 'with_rights() { sudo -- "$@"; };'
        env = {**os.environ, "PATH": f"{self.bin}:/usr/bin:/bin", "RECORD": str(self.record)}
        env |= {"HANDOUT_OS_RELEASE": str(self.folder / "os-release"), "XDG_CACHE_HOME": str(self.folder / "cache")}
        done = subprocess.run(
            ["bash", "-c", f"set -euo pipefail; TOP={TOP}; {libs} {rights} {script}"], capture_output=True, text=True, env=env, check=False
        )
        return done, self.record.read_text().splitlines()

    def test_fedora_installs_by_dnf_what_is_missing(self):
        self.tool("dnf")
        self.tool("rpm", '#!/bin/sh\ncase "$*" in *gcc) exit 0;; esac\nexit 1\n')
        done, calls = self.run_shell("ensure_packages build desktop demo lab scripts root", FEDORA)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(calls), 1)
        words = calls[0].split()
        self.assertEqual(words[:3], ["dnf", "install", "-y"])
        for name in ("glibc-devel", "gtk4-devel", "libadwaita-devel", "iproute", "nftables", "mmdebstrap", "bubblewrap", "ShellCheck"):
            self.assertIn(name, words)
        self.assertNotIn("gcc", words)
        self.assertIn("installing:", done.stderr)

    def test_nothing_is_asked_for_when_nothing_is_missing(self):
        for tool in ("dnf", "apt-get", "sudo"):
            self.tool(tool)
        self.tool("rpm", "#!/bin/sh\nexit 0\n")
        self.tool("dpkg-query", "#!/bin/sh\necho installed\n")
        for system in (FEDORA, DEBIAN):
            done, calls = self.run_shell("ensure_packages build demo lab", system, user=1000)
            self.assertEqual((done.returncode, calls, done.stderr), (0, [], ""))

    def test_a_user_is_asked_for_rights_only_to_install(self):
        self.tool("sudo")
        self.tool("rpm", "#!/bin/sh\nexit 1\n")
        done, calls = self.run_shell("ensure_packages demo", FEDORA, user=1000)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(calls, ["sudo -- dnf install -y --setopt=install_weak_deps=False iproute util-linux"])

    def test_a_failed_installation_says_what_to_do(self):
        self.tool("dnf", "#!/bin/sh\nexit 1\n")
        self.tool("rpm", "#!/bin/sh\nexit 1\n")
        done, _ = self.run_shell("ensure_packages demo", FEDORA)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("could not install: iproute util-linux", done.stderr)

    def test_debian_updates_its_lists_first_and_asks_nothing(self):
        self.tool("apt-get")
        self.tool("dpkg", "#!/bin/sh\n")
        self.tool("dpkg-query", "#!/bin/sh\nexit 1\n")
        done, calls = self.run_shell("with_rights() { \"$@\"; }; ensure_packages demo", DEBIAN)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([call.split()[-1] for call in calls], ["update", "util-linux"])
        self.assertTrue(all(" -y " in call for call in calls))

    def test_a_server_that_is_installed_to_be_measured_is_not_started(self):
        policy = self.folder / "policy-rc.d"
        look = f"if [ -x {policy} ]; then sh {policy}; echo \"policy $?\" >>\"$RECORD\"; else echo none >>\"$RECORD\"; fi\n"
        self.tool("apt-get", RECORD + look)
        self.tool("dpkg", "#!/bin/sh\n")
        script = f"with_rights() {{ \"$@\"; }}; HANDOUT_POLICY={policy}; ensure_unstarted bench"
        self.tool("dpkg-query", "#!/bin/sh\nexit 1\n")
        done, calls = self.run_shell(script, DEBIAN)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(calls[1::2], ["policy 101", "policy 101"])
        self.assertIn("nginx-light", calls[2].split())
        self.assertFalse(policy.exists())
        self.tool("apt-get", "#!/bin/sh\nexit 1\n")
        done, _ = self.run_shell(script, DEBIAN)
        self.assertNotEqual(done.returncode, 0)
        self.assertFalse(policy.exists())
        self.tool("dpkg-query", "#!/bin/sh\necho installed\n")
        done, calls = self.run_shell(script.replace("with_rights() {", "with_rights() { echo rights >>$RECORD;"), DEBIAN)
        self.assertEqual((done.returncode, calls), (0, []), done.stderr)

    def test_the_way_to_the_desktop_program(self):
        self.tool("pkg-config", "#!/bin/sh\nexit 1\n")
        self.tool("dnf")
        self.tool("rpm", "#!/bin/sh\nexit 0\n")
        self.tool("dpkg-query", "#!/bin/sh\necho installed\n")
        old = "#!/bin/sh\necho '  Candidate: 1.2.2-1'\n"
        new = "#!/bin/sh\ncase $2 in *gtk*) echo '  Candidate: 4.18.6+ds-2';; *) echo '  Candidate: 1:1.7.6-1';; esac\n"
        for system, apt, way in ((FEDORA, old, "native"), ("ID=fedora\nVERSION_ID=39\n", old, "root"), (DEBIAN, old, "root"), (DEBIAN, new, "native")):
            self.tool("apt-cache", apt)
            done, _ = self.run_shell("desktop_way", system)
            self.assertEqual(done.stdout.strip(), way, done.stderr)

    def test_an_old_or_missing_rust_is_named_with_the_remedy(self):
        self.tool("cargo")
        self.tool("rustc", "#!/bin/sh\necho 'rustc 1.63.0 (abc 2022)'\n")
        done, _ = self.run_shell("need_rust", DEBIAN)
        self.assertIn("this is 1.63.0", done.stderr)
        self.assertIn("rustup update", done.stderr)
        for name in ("cargo", "rustc"):
            (self.bin / name).unlink()
        done, _ = self.run_shell("HOME=/nowhere; unset CARGO_HOME; need_rust", DEBIAN)
        self.assertIn("there is no cargo here", done.stderr)

    def test_an_interrupted_root_is_made_again_and_a_whole_one_kept(self):
        self.tool("dpkg-query", "#!/bin/sh\necho installed\n")
        self.tool("bwrap")
        self.tool("mmdebstrap", RECORD + 'for last; do :; done; [ ! -e "$last/half" ] || exit 9; mkdir -p "$last"\n')
        script = 'fill_root() { mmdebstrap trixie "$1"; }; root=$(root_dir); '
        done, calls = self.run_shell(script + 'mkdir -p "$root.part/half"; ensure_root; test -d "$root"; test ! -e "$root.part"', DEBIAN)
        self.assertEqual((done.returncode, len(calls)), (0, 1), done.stderr)
        done, calls = self.run_shell(script + "ensure_root", DEBIAN)
        self.assertEqual((done.returncode, calls, done.stderr), (0, [], ""))

    def test_a_root_of_an_older_package_list_goes_unless_it_is_in_use(self):
        cache = self.folder / "cache/handout"
        for name in ("debian-13-old", "debian-13-used", "debian-13-new"):
            (cache / name).mkdir(parents=True)
            (cache / f"{name}.lock").touch()
        script = f'exec 7<"{cache}/debian-13-used.lock"; flock -s 7; prune_roots "{cache}/debian-13-new"'
        done, _ = self.run_shell(script, DEBIAN)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(p.name for p in cache.iterdir() if p.is_dir()), ["debian-13-new", "debian-13-used"])


class Counts(unittest.TestCase):
    def test_adds_up_what_the_tools_print(self):
        log = (
            "test result: ok. 5 passed; 0 failed; 2 ignored; 0 measured; 1 filtered out; finished in 0.12s\n"
            "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 4s\n"
            "check passed: a\ncheck failed: b\n7 passed, 1 failed, 2 skipped\nsaid that 9 passed, 9 failed, 9 skipped\n"
        )
        script = f". {TOP}/build-aux/lib/counts.sh; count_tests /dev/stdin"
        done = subprocess.run(["bash", "-c", script], input=log, capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, "16 3 4\n")

    def test_a_part_that_is_not_there_is_refused(self):
        done = subprocess.run([TOP / "build-aux/test", "nonsense"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("there is no part 'nonsense'", done.stderr)


if __name__ == "__main__":
    unittest.main()
