"""The accessible tree of the programs on the desk: finding nodes by role and name, pressing, typing, waiting for events.

A tree is read whole, in one call of what GTK keeps for screen readers (org.a11y.atspi.Cache); asked node by node it takes twelve
times as long. A `Seen` is a thing as it was then, a `Node` the thing itself, asked anew each time.

Roles are GTK 4's names on Debian 13: `button`, `toggle button`, `text` (an entry), `label`, `list`, `list item`, `check box`,
`switch`, `dialog`, `frame` (a window), `menu item`, `alert`, `log`, `progress bar`, … Node.text() lists them.
"""

import contextlib
import functools
import os
import re
import time
import warnings

import gi
import keyboard

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib

# Among these the keyboard goes by the arrows.
ROWS = ("list item", "table row", "tree item")
# What is only there to hold others.
HOLDERS = ("panel", "grouping", "filler", "image")

_atspi = None
# What programs had a screen reader say, the newest last.
said = []


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
        spoken = Atspi.EventListener.new(lambda event: said.append(str(event.any_data)))
        spoken.register("object:announcement")
        Atspi.spoken = spoken
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


@contextlib.contextmanager
def focused():
    """What gets the keyboard from now on, one after the other: a list that grows as it happens."""
    told = []
    listener = atspi().EventListener.new(lambda event: event.detail1 and told.append(Node(event.source)))
    listener.register("object:state-changed:focused")
    yield told
    listener.deregister("object:state-changed:focused")


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


def read(accessible):
    """The tree of a program as it is now: everything by path."""
    bus, app = accessible.app.bus_name, accessible.get_application()
    # GTK keeps only what was asked for once, and for a while what is gone: what is in what has to be asked.
    inside, asked = {}, [app.path]
    while asked:
        inside |= zip(asked, children(bus, asked), strict=True)
        # Other toolkits name a thing twice.
        asked = list(dict.fromkeys(below for path in asked for below in inside[path] if below not in inside))
    (items,) = call(bus, "/org/a11y/atspi/cache", "org.a11y.atspi.Cache", "GetItems")
    known = {item[0][1]: Seen(item) for item in items if item[0][1] in inside}
    for path, one in known.items():
        for place, below in enumerate(inside[path]):
            if below in known:
                one.children.append(known[below])
                known[below].above, known[below].place = one, place
    known[app.path].live = Node(app)
    return known


def children(bus, paths):
    """What is in each of these, by path; asked all at once. Nothing is in what has gone meanwhile."""
    found = {}

    def answered(connection, answer, path):
        try:
            found[path] = [below for _, below in connection.call_finish(answer).unpack()[0]]
        except GLib.Error:
            found[path] = []

    for path in paths:
        how = (None, None, Gio.DBusCallFlags.NONE, 5000, None, answered, path)
        accessibility_bus().call(bus, path, "org.a11y.atspi.Accessible", "GetChildren", *how)
    while len(found) < len(set(paths)):
        GLib.MainContext.default().iteration(True)
    return [found[path] for path in paths]


def call(bus, path, interface, method):
    """One question on the accessibility bus."""
    return accessibility_bus().call_sync(bus, path, interface, method, None, None, Gio.DBusCallFlags.NONE, 5000, None).unpack()


@functools.cache
def accessibility_bus():
    """A connection to it; GTK's library has none that could be asked."""
    flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
    return Gio.DBusConnection.new_for_address_sync(os.environ["AT_SPI_BUS_ADDRESS"], flags, None, None)


class Thing:
    """What `Seen` and `Node` have in common: they are the same where their paths are."""

    def __eq__(self, other):
        return self.path == other.path

    def __hash__(self):
        return hash(self.path)

    def __repr__(self):
        return f"<{self.role} {self.name!r}>"


class Seen(Thing):
    """A thing as it was when the tree was read."""

    def __init__(self, item):
        (_, self.path), _, _, _, _, interfaces, self.name, role, self.description, states = item
        self.role = atspi().role_get_name(atspi().Role(role))
        self.has_text = "org.a11y.atspi.Text" in interfaces
        self.states = states[0] | states[1] << 32
        self.above = self.place = self.live = None
        self.children = []

    def is_in(self, *states):
        """Whether it was in all of these states; see Node.is_in."""
        return all(self.states >> int(getattr(atspi().StateType, state.upper())) & 1 for state in states)

    def node(self):
        """The thing itself; None if it is not there any more."""
        if self.live is None and (above := self.above.node()):
            child = above.accessible.get_child_at_index(self.place)
            self.live = Node(child) if child is not None and child.path == self.path else None
        return self.live

    def walk(self, hidden=False, depth=0):
        """It and everything in it that showed, each with its depth."""
        # An application itself is in no state.
        if depth == 0 or hidden or self.is_in("showing"):
            yield depth, self
            for child in self.children:
                yield from child.walk(hidden, depth + 1)

    def all(self, role=None, name=None, hidden=False):
        """Everything in it of that role (or one of several) and name (text or pattern)."""
        roles = (role,) if isinstance(role, str) else role
        for _, one in self.walk(hidden):
            if (roles is None or one.role in roles) and matches(name, one.name):
                yield one


class Node(Thing):
    """One thing on the screen as a screen reader knows it."""

    def __init__(self, accessible):
        self.accessible = accessible

    @property
    def path(self):
        """What it is called on the bus: the same as long as it is there."""
        return self.accessible.path

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

    @property
    def size(self):
        """How wide and high it is laid out, in pixels."""
        place = atspi().Component.get_extents(self.accessible.get_component_iface(), atspi().CoordType.WINDOW)
        return place.width, place.height

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

    def seen(self):
        """It and everything in it as it is now, read at once; None if it is not there any more."""
        try:
            return read(self.accessible).get(self.accessible.path)
        except GLib.Error:
            # A program that starts has no tree to read yet.
            return None

    def all(self, role=None, name=None, hidden=False, where=None):
        """Everything in it of that role (or one of several) and name (text or pattern) for which `where(node)` holds."""
        seen = self.seen()
        for one in seen.all(role, name, hidden) if seen else ():
            try:
                node = one.node()
                if node and (where is None or where(node)):
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
        """It and everything in it that shows, as indented lines; what only holds others together has none."""
        seen = self.seen()
        told = ((depth, one) for depth, one in (seen.walk() if seen else ()) if one.name or one.role not in HOLDERS)
        return "\n".join(f"{'  ' * depth}{line(one)}" for depth, one in told)


def line(one):
    """A thing in a line: what it is, its name, the text in it and whether it has the keyboard."""
    node = one.node() if one.has_text else None
    content = node.content if node else ""
    shown = f" = {content[:200]!r}" if content and content != one.name else ""
    return f"{one.role} {one.name!r}{shown}{' (focused)' if one.is_in('focused') else ''}"


def matches(wanted, name):
    """Whether a name is the wanted text, or the wanted pattern is found in it."""
    if wanted is None:
        return True
    return bool(wanted.search(name)) if isinstance(wanted, re.Pattern) else wanted == name
