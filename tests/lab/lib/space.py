"""A network of our own: namespaces that no other program and no real wire can see.

`enter()` starts the running script again in new user, network and mount namespaces and returns
only in there. It needs no root. As root, the user ids of the machine exist in there too, so that
programs can run as different users.
"""
import ctypes
import os
import signal
import sys

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
MS_REC, MS_PRIVATE, MNT_DETACH = 0x4000, 0x40000, 2
PR_SET_PDEATHSIG = 1
MARK = "HANDOUT_LAB_SPACE"
MANY_IDS = 65536

libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """The machine does not let us make namespaces."""


def enter():
    """Goes on inside namespaces of our own, or ends the program with its status."""
    if os.environ.get(MARK) != "1":
        sys.exit(_run_inside())
    del os.environ[MARK]
    foreign = sorted(set(interfaces()) - {"lo"})
    if foreign:
        raise Unavailable(f"interfaces that we did not make are visible ({', '.join(foreign)}): refusing to start")
    _check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "make mounts private")
    mount_tmpfs("/run")
    os.makedirs("/run/netns")


def interfaces():
    """Names of the network interfaces of this namespace."""
    with open("/proc/self/net/dev", encoding="ascii") as lines:
        return [line.split(":")[0].strip() for line in lines if ":" in line]


def many_users():
    """Whether programs in here can run as different users."""
    with open("/proc/self/uid_map", encoding="ascii") as lines:
        return any(int(line.split()[2]) >= MANY_IDS for line in lines)


def mount_tmpfs(folder, size=None):
    """Puts a file system in memory on a folder; `size` in bytes bounds it."""
    options = b"mode=0777" + (b",size=%d" % size if size else b"")
    _check(libc.mount(b"none", os.fsencode(folder), b"tmpfs", 0, options), f"mount a tmpfs on {folder}")


def unmount(folder):
    """Takes a file system off a folder."""
    _check(libc.umount2(os.fsencode(folder), MNT_DETACH), f"unmount {folder}")


def die_with_parent():
    """Has this process killed when the thread that started it ends; for use before exec."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def begin_program():
    """Makes this process what a program in a terminal is: Ctrl+C ends it. For use before exec.

    A shell starts what runs in its background with Ctrl+C ignored, and programs inherit that.
    """
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise Unavailable(f"cannot {what}: {os.strerror(number)}")


def _run_inside():
    """Runs this script in new namespaces; returns its exit status."""
    uid, gid = os.getuid(), os.getgid()
    unshared, made = os.pipe()
    mapped, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            die_with_parent()
            _check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET), "make namespaces")
            os.write(made, b"1")
            if os.read(mapped, 1) != b"1":
                os._exit(1)
            os.environ[MARK] = "1"
            os.execv(sys.executable, [sys.executable, *sys.argv])
        except Unavailable as error:
            print(f"{sys.argv[0]}: {error}. User namespaces are needed "
                  "(sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces, "
                  "kernel.apparmor_restrict_unprivileged_userns).", file=sys.stderr)
        os._exit(1)
    os.close(made)
    os.close(mapped)
    if os.read(unshared, 1) == b"1":
        _map_ids(child, uid, gid)
        os.write(told, b"1")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda got, _: os.kill(child, got))
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status) & 0xFF


def _map_ids(child, uid, gid):
    """Tells the kernel who is who in the child's user namespace."""
    def write(name, text):
        with open(f"/proc/{child}/{name}", "w", encoding="ascii") as file:
            file.write(text)
    if uid == 0 and many_users():
        write("uid_map", f"0 0 {MANY_IDS}")
        write("gid_map", f"0 0 {MANY_IDS}")
    else:
        write("uid_map", f"0 {uid} 1")
        write("setgroups", "deny")
        write("gid_map", f"0 {gid} 1")
