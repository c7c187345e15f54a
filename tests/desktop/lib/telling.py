"""Tells a story on a desk: its steps in turn, with a line for each, as the counts of the tests expect it."""

import time
import traceback

from desk import TOP, Desk


def tell(story, name):
    """Tells a story step by step, up to the first that goes wrong. Gives how many went well and how many did not."""
    steps = story.steps()
    for passed, (what, step) in enumerate(steps):
        started = time.monotonic()
        try:
            step()
        except Exception as error:  # noqa: BLE001 (whatever went wrong, the evidence is kept and the rest is counted)
            traceback.print_exc()
            story.desk.keep_evidence()
            reason = (str(error) or type(error).__name__).strip().partition("\n")[0]
            print(f"FAIL {name}: {what}: {reason}", flush=True)
            # What could not be tried after a failure has not passed.
            return passed, len(steps) - passed
        print(f"ok   {name}: {what} ({time.monotonic() - started:.1f} s)", flush=True)
    return len(steps), 0


def alone(story, name):
    """Tells one story on a desk of its own, prints how many of its steps went well, and gives the status of the process."""
    with Desk(TOP / "artefacts/desktop" / name, size=(1280, 900), seconds=40) as desk:
        good, bad = tell(story(desk), name)
        desk.clear()
    print(f"{good} passed, {bad} failed, 0 skipped")
    return 1 if bad else 0
