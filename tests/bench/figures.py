"""The arithmetic of the benchmark: medians, percentiles, bounds and ratios. Pure."""
import math
import statistics

GIB = 1 << 30


def median(values):
    """The median of the values that are known, `None` where there is none."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def percentile(values, share):
    """The smallest value that at least `share` (0 to 1) of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(1, math.ceil(round(share * len(ordered), 9))) - 1]


def bound(size, teacher, down, up):
    """Seconds that no scheme can beat, after Mutualcast (Li, Chou, Zhang 2005).

    `size` in bytes; `teacher` is the teacher's uplink, `down` and `up` the students' links, in bytes a second.
    """
    return max(size / teacher, size / min(down), len(down) * size / (teacher + sum(up)))


def per_gib(cpu_seconds, size, students):
    """CPU seconds for each GiB that reached a student."""
    return None if cpu_seconds is None else cpu_seconds / (size * students / GIB)


def ratio(value, reference):
    """One over the other, `None` where one of them lacks."""
    return None if value is None or not reference else value / reference


def rounded(value, digits=3):
    """Rounded, also inside of lists and objects; what is no fraction stays."""
    if isinstance(value, float):
        return round(value, digits)
    if isinstance(value, dict):
        return {key: rounded(each, digits) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(each, digits) for each in value]
    return value
