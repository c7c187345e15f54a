"""What goes wrong with a machine: its network falls silent, its calendar is years off."""
import subprocess

CLOCK_SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
/* Moves the calendar, and nothing else, by CLOCK_OFFSET seconds. */
int clock_gettime(clockid_t clock, struct timespec *t) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, t);
    const char *offset = getenv("CLOCK_OFFSET");
    if (clock == CLOCK_REALTIME && offset) t->tv_sec += atol(offset);
    return result;
}
"""


def clock(lab, years):
    """The environment of a program whose calendar is off by so many years."""
    if not years:
        return {}
    shim = lab.folder / "clock.so"
    if not shim.exists():
        source = lab.folder / "clock.c"
        source.write_text(CLOCK_SHIM)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
    return {"LD_PRELOAD": str(shim), "CLOCK_OFFSET": str(years * 365 * 86400)}


def silence(host, others=None):
    """Drops without a word what comes from some addresses and goes to them; all of UDP and TCP where none are named."""
    them = f"{{ {', '.join(others)} }}" if others else ""
    came = f"ip saddr {them} drop; ip6 saddr fe80::/10 drop;" if others else "meta l4proto { tcp, udp } drop;"
    goes = f"ip daddr {them} drop; ip6 daddr {{ fe80::/10, ff02::/16 }} drop;" if others else "meta l4proto { tcp, udp } drop;"
    host.firewall(f"table inet fault {{\nchain in {{ type filter hook input priority 0; {came} }}\n"
                  f"chain out {{ type filter hook output priority 0; {goes} }}\n}}\n")


def heal(host):
    """Takes the filter away."""
    host.firewall("delete table inet fault\n")
