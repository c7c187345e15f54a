"""Everything that can be used in a window: whether it has a name, and whether the keyboard reaches it."""

import tree

# Not the entries of menus: GTK names them by a label that it does not tell.
CONTROLS = (
    *("button", "toggle button", "check box", "radio button", "switch", "link", "slider", "spin button", "combo box"),
    *("text", "entry", "password text", "list item", "page tab", "search bar"),
)
# These are the window manager's, with keys of its own.
OF_THE_WINDOW = ("Minimize", "Maximize", "Restore", "Close")
# Within these the keyboard goes by the arrows, and Tab comes to one of them.
BY_ARROWS = ("list item", "radio button", "page tab")


def nameless(program):
    """The controls that a screen reader cannot call by a name: their roles, and where they are."""
    found = (path for path in paths(program.app()) if is_control(path[-1]) and not path[-1].name.strip())
    # What a combo box shows as chosen is a part of it, which has a name.
    return [where(path) for path in found if not any(node.role == "combo box" for node in path)]


def unreachable(program, presses=60):
    """The controls to which no number of Tabs comes, in words."""
    import keyboard

    program.activate()
    wanted = {}
    for path in paths(program.app()):
        node = path[-1]
        focusable = node.role in CONTROLS and node.name not in OF_THE_WINDOW and node.is_in("focusable", "sensitive", "visible")
        if focusable and not any(step.role in BY_ARROWS for step in path):
            wanted[where(path)] = node
    for _ in range(presses):
        for place in [place for place, node in wanted.items() if holds_keyboard(node)]:
            del wanted[place]
        if not wanted:
            break
        keyboard.keys("Tab")
        tree.wait(lambda: False, 0.05)
    return list(wanted)


def is_control(node):
    """Whether it is something to use, or could be."""
    return node.role in CONTROLS and node.is_in("sensitive")


def holds_keyboard(node):
    """Whether it, or a part of it, has the keyboard."""
    return any(part.is_in("focused") for _, part in node.walk(depth=1))


def paths(app):
    """Every node that shows, with what it is in."""
    path = []
    for depth, node in app.walk():
        del path[depth:]
        path.append(node)
        yield list(path)


def where(path):
    """A place in words: what it is in, and what it is."""
    return " › ".join(f"{node.role} {node.name!r}" if node.name else node.role for node in path[-4:])
