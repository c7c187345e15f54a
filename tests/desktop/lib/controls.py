"""Everything that can be used in a window: whether it has a name, and whether the keyboard reaches it."""

import keyboard
import tree

# Not the entries of menus: GTK names them by a label that it does not tell.
CONTROLS = (
    *("button", "toggle button", "check box", "radio button", "switch", "link", "slider", "spin button", "combo box"),
    *("text", "entry", "password text", "list item", "page tab", "search bar"),
)
# These are the window manager's, with keys of its own.
OF_THE_WINDOW = ("Minimize", "Maximize", "Restore", "Close")


def nameless(program):
    """The controls that a screen reader cannot call by a name: their roles, and where they are."""
    found = (path for path in paths(program.app().seen()) if is_control(path[-1]) and not path[-1].name.strip())
    # What a combo box shows as chosen is a part of it, which has a name.
    return [where(path) for path in found if not any(node.role == "combo box" for node in path)]


def unreachable(program, key="Tab", within=None):
    """The controls of what is in front, or within a node, to which a key does not bring the keyboard, from wherever it is, until it
    comes round. What was not met is looked for once more, with more patience: a busy machine tells late."""
    program.activate()
    top = program.wait_for(lambda: within.seen() if within else front_seen(program), "what is to be walked")
    missed = [path for path in paths(top) if is_control(path[-1])]
    for patience in (1, 5):
        met = round_trip(key, patience) if missed else []
        missed = [path for path in missed if not is_met(path, met)]
    return [where(path) for path in missed]


def left_out(program):
    """How many entries of the menu that is open the arrow keys leave out."""
    left = [entry for entry in program.every("menu item") if entry.is_in("sensitive") and not entry.is_in("focused")]
    for patience in (1, 5):
        met = round_trip("Down", patience) if left else []
        left = [entry for entry in left if entry not in met]
    return len(left)


def front(program):
    """What has the keyboard to itself: the newest dialog, else the newest window."""
    return program.wait_for(lambda: (seen := front_seen(program)) and seen.node(), "a window")


def front_seen(program):
    """The same, with everything in it, as it is now; None without a window."""
    app = program.app()
    seen = app and app.seen()
    windows = seen.children if seen else ()
    return [windows[-1], *windows[-1].all(("dialog", "alert"))][-1] if windows else None


def in_front(program, role, name, *states):
    """The first of that role, name and states in what is in front, or None."""
    top = front_seen(program)
    return next((one.node() for one in top.all(role, name) if one.is_in(*states)), None) if top else None


def round_trip(key, patience=1, presses=80):
    """What a key brings the keyboard to, until something comes a second time or nothing does for that many seconds; among tabs, the
    arrows as well."""
    met = []
    with tree.focused() as told:
        while len(met) < presses:
            told.clear()
            keyboard.keys(key)
            if not tree.wait(lambda: told, patience) or told[-1] in met:
                break
            met.extend(told)
            if key == "Tab" and told[-1].role == "page tab":
                met += [*round_trip("Right", patience), *round_trip("Left", patience)]
    return met


def is_met(path, met):
    """Whether the keyboard was on a control, or on the other half of it: GTK tells of the switch of a row that is switched, of the
    rows of texts and of the buttons of menus twice, and of what is chosen within a combo box as of a row."""
    *around, control = path
    parts = {"list item": "text", "button": "toggle button"}.get(control.role)
    if any(node.role in (control.role, "combo box") and node in met for node in around):
        return True
    return control in met or any(part in met for part in control.all(parts) if parts)


def is_control(node):
    """Whether it is something to use, or could be. The buttons of a window's frame have no label in them."""
    of_the_window = node.name in OF_THE_WINDOW and not node.children
    return node.role in CONTROLS and node.is_in("sensitive") and not of_the_window


def paths(top):
    """Every node that shows, with what it is in."""
    path = []
    for depth, node in top.walk():
        del path[depth:]
        path.append(node)
        yield list(path)


def where(path):
    """A place in words: what it is in, and what it is."""
    return " › ".join(f"{node.role} {node.name!r}" if node.name else node.role for node in path[-4:])
