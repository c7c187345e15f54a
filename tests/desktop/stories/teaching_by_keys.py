"""A teacher who uses the keyboard alone: nothing is pressed or typed through accessibility, which only tells what is there."""

from room import Room

COURSE = "Algebra"
HELLO = "Good morning."
CODE = "print(1)"
# The place in the menu.
SNIPPET = 2


class Story(Room):
    """A teacher without a mouse, from the first start on."""

    NUMBER = 9

    def steps(self):
        return [
            ("a session is started", self.begin),
            ("a file is shared", self.share),
            ("a message is written, once the keyboard is back", self.message),
            ("a snippet is shared by the menu", self.snippet),
            ("the details of the file are opened and closed", self.details),
            ("a question is left by Escape", self.escape),
            ("the session is ended", self.end),
        ]

    def goes(self, role, name, *keys):
        """Goes to something in the teacher's window, and presses keys there."""
        self.teacher.find(role, name).focus()
        if keys:
            self.teacher.keys(*keys)

    def begin(self):
        self.teacher = self.start("by-keys-teacher")
        self.teacher.find("button", "Start a Session")
        self.teacher.keys("ctrl+n")
        self.teacher.find("text", "Course or Title").focus()
        self.teacher.write(COURSE)
        self.teacher.keys("Tab")
        self.teacher.write("Dr. Nair")
        self.teacher.find("text", "Name Students See", where=lambda node: node.content == "Dr. Nair")
        self.teacher.keys("Return")
        self.teacher.find("label", "Nothing Shared Yet")
        self.teacher.find("label", COURSE)

    def share(self):
        self.lab = self.file("algebra.txt", b"x + 1 = 2\n")
        self.teacher.keys("ctrl+o")
        self.teacher.choose("Share Files", self.lab)
        self.teacher.find("label", self.lab.name)

    def message(self):
        self.teacher.find("text", "Message to all students", where=lambda node: node.is_in("focused"))
        self.teacher.write(HELLO)
        self.teacher.keys("Return")
        self.teacher.find("label", HELLO)

    def snippet(self):
        self.goes("toggle button", "Share Something Else", "Return")
        self.teacher.find("menu item", where=lambda item: item.is_in("focused"))
        self.teacher.keys(*["Down"] * SNIPPET, "Return")
        self.teacher.find("text", "Title", where=lambda node: node.is_in("focused"))
        self.teacher.write("one.py")
        self.goes("text", "Text")
        self.teacher.write(CODE)
        self.teacher.find("text", "Text", where=lambda node: node.content == CODE)
        # Tab is written into code; the mnemonic is what the button shows while Alt is held.
        self.teacher.keys("alt+s")
        self.teacher.find("label", "one.py")
        self.teacher.find("text", "Code", where=lambda node: node.content == CODE)

    def details(self):
        self.goes("button", "Details", "Return")
        self.teacher.find("dialog", "Delivery")
        self.teacher.find("label", "Everyone who joins receives it by themselves.")
        self.teacher.keys("Escape")
        self.teacher.wait_for(lambda: not self.teacher.has("dialog"), "the details are closed")

    def escape(self):
        self.goes("button", "End", "Return")
        self.teacher.find("button", "End Session")
        self.teacher.keys("Escape")
        self.teacher.wait_for(lambda: not self.teacher.has("button", "End Session"), "the question is closed")
        assert not self.teacher.has("label", "You have ended this session"), "Escape has ended the session"

    def end(self):
        self.goes("button", "End", "Return")
        self.goes("button", "End Session", "Return")
        self.teacher.find("label", "You have ended this session")
