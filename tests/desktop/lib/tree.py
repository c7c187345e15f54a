"""The accessible tree of the programs on the desk: finding nodes by role and name, pressing, typing, waiting for events.

Roles are GTK 4's names on Debian 13: `button`, `toggle button`, `text` (an entry), `label`, `list`, `list item`, `check box`,
`switch`, `dialog`, `frame` (a window), `menu item`, `alert`, `log`, `progress bar`, … Node.text() lists them.
"""

import re
import time
import warnings

import gi
import keyboard

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib

# Among these the keyboard goes by the arrows.
ROWS = ("list item", "table row", "tree item")

_atspi = None


def bus_address(seconds):
    """The address of the accessibility bus, once its launcher is up."""
    bus = Gio.bus_get_sync(Gio.BusType.SESSION)

    def ask():
        try:
            answer = bus.call_sync("org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress", None, None, 0, 5000, None)
            return answer.unpack()[0]
        except GLib.Error:
            return None

    address = wait(ask, seconds)
    if not address:
        raise RuntimeError("the accessibility bus did not start")
    return address


def atspi():
    """The library, loaded once the buses are there. Nothing is cached: what is read is what the program says now."""
    global _atspi
    if _atspi is None:
        gi.require_version("Atspi", "2.0")
        from gi.repository import Atspi

        # The only binding of an action's name is marked as deprecated in favour of one that has none.
        warnings.filterwarnings("ignore", message=".*get_action_name is deprecated")
        Atspi.init()
        Atspi.set_timeout(5000, 15000)
        listener = Atspi.EventListener.new(lambda event: None)
        for event in ("object:children-changed", "object:state-changed", "object:property-change", "object:text-changed", "window"):
            listener.register(event)
        Atspi.listener = listener
        _atspi = Atspi
    return _atspi


def wait(condition, seconds):
    """The first true value of `condition`, or its last value after `seconds`. Looks after every event and every 100 ms."""
    context = GLib.MainContext.default()
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        tick = GLib.timeout_add(100, lambda: True)
        context.iteration(True)
        while context.pending():
            context.iteration(False)
        GLib.source_remove(tick)


def application(pid):
    """The application of that process or of a child of it, or None."""
    desktop = atspi().get_desktop(0)
    desktop.set_cache_mask(atspi().Cache.NONE)
    wanted = keyboard.family(pid)
    for place in range(desktop.get_child_count()):
        try:
            app = desktop.get_child_at_index(place)
            if app is not None and app.get_process_id() in wanted:
                app.set_cache_mask(atspi().Cache.NONE)
                return Node(app)
        except GLib.Error:
            continue
    return None


class Node:
    """One thing on the screen as a screen reader knows it."""

    def __init__(self, accessible):
        self.accessible = accessible

    def __repr__(self):
        return f"<{self.role} {self.name!r}>"

    @property
    def role(self):
        """What it is, in words."""
        return self.accessible.get_role_name()

    @property
    def name(self):
        """What it is called."""
        return self.accessible.get_name()

    @property
    def description(self):
        """What is said after its name."""
        return self.accessible.get_description()

    @property
    def content(self):
        """The text in it."""
        text = self.accessible.get_text_iface()
        return atspi().Text.get_text(text, 0, atspi().Text.get_character_count(text)) if text else ""

    @property
    def value(self):
        """The number it shows (a progress bar: 0 to 1)."""
        value = self.accessible.get_value_iface()
        return value.get_current_value() if value else None

    def is_in(self, *states):
        """Whether it is in all of these states: "showing", "sensitive", "checked", "focused", "expanded", …"""
        now = self.accessible.get_state_set()
        return all(now.contains(getattr(atspi().StateType, state.upper())) for state in states)

    def children(self):
        """The nodes in it."""
        for place in range(self.accessible.get_child_count()):
            child = self.accessible.get_child_at_index(place)
            if child is not None:
                yield Node(child)

    def walk(self, hidden=False, depth=0):
        """It and everything in it that shows, each with its depth. What goes away meanwhile is passed over."""
        try:
            # An application itself is in no state.
            if depth and not hidden and not self.is_in("showing"):
                return
            yield depth, self
            for child in self.children():
                yield from child.walk(hidden, depth + 1)
        except GLib.Error:
            return

    def all(self, role=None, name=None, hidden=False, where=None):
        """Everything in it of that role (or one of several) and name (text or pattern) for which `where(node)` holds."""
        roles = (role,) if isinstance(role, str) else role
        for _, node in self.walk(hidden):
            try:
                if (roles is None or node.role in roles) and matches(name, node.name) and (where is None or where(node)):
                    yield node
            except GLib.Error:
                continue

    def first(self, role=None, name=None, **more):
        """The first of `all`, or None."""
        return next(self.all(role, name, **more), None)

    def press(self):
        """Does its main action; where it has none, gives it the keyboard and presses Return."""
        # Names with a dot are what a widget's menu and keys can do, such as clipboard.copy.
        for place, name in enumerate(self.actions()):
            if "." not in name and atspi().Action.do_action(self.accessible.get_action_iface(), place):
                return
        self.focus()
        keyboard.keys("Return")

    def focus(self):
        """Goes to it with the keyboard, as a person without a mouse: Tab, and Down inside a list. GTK has no shorter way."""
        keyboard.activate(self.accessible.get_process_id())
        for _ in range(80):
            if wait(lambda: self.is_in("focused"), 0.2):
                return
            siblings = Node(self.accessible.get_parent()).children() if self.role in ROWS else ()
            keyboard.keys("Down" if any(node.is_in("focused") for node in siblings) else "Tab")
        raise RuntimeError(f"the keyboard does not reach {self!r}")

    def actions(self):
        """The names of what can be done with it without a keyboard."""
        action = self.accessible.get_action_iface()
        return [atspi().Action.get_action_name(action, n) for n in range(atspi().Action.get_n_actions(action))] if action else []

    def type(self, text):
        """Puts text in it, in place of what is there."""
        editable = self.accessible.get_editable_text_iface()
        if editable is None:
            raise RuntimeError(f"{self!r} takes no text")
        atspi().EditableText.set_text_contents(editable, text)

    def text(self):
        """It and everything in it that shows, as indented lines."""
        lines = []
        for depth, node in self.walk():
            content = node.content
            shown = f" = {content!r}" if content and content != node.name else ""
            focused = " (focused)" if node.is_in("focused") else ""
            lines.append(f"{'  ' * depth}{node.role} {node.name!r}{shown}{focused}")
        return "\n".join(lines)


def matches(wanted, name):
    """Whether a name is the wanted text, or the wanted pattern is found in it."""
    if wanted is None:
        return True
    return bool(wanted.search(name)) if isinstance(wanted, re.Pattern) else wanted == name
