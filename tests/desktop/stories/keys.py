"""Teachers' keys: protected by a passphrase, and carried to another computer."""

from room import Room

SECRET = "four words are best"


class Story(Room):
    """A teacher with a protected key and two computers."""

    NUMBER = 3

    def steps(self):
        return [
            ("a teacher protects a new key with a passphrase", self.protect),
            ("a file that is no key is refused in words", self.no_key),
            ("the key is imported on another computer", self.carry),
            ("a wrong passphrase is told, the right one starts the session", self.unlock),
        ]

    def protect(self):
        self.teacher = self.start("keys-first")
        self.teacher.find("button", "Start a Session").press()
        self.teacher.find("text", "Course or Title").type("Algebra")
        self.teacher.find("text", "Name Students See").type("Prof. Nair")
        self.teacher.find(("password text", "text"), "Passphrase (Optional)").type(SECRET)
        self.look(self.teacher, "passphrase-new.png")
        self.starts(self.teacher)
        self.teacher.find("label", "Nothing Shared Yet", seconds=60)

    def imports(self, path, role, shown):
        self.teacher.find("list item", "Import a Key or Certificate…").press()
        self.teacher.choose("Import a Key or Certificate", path)
        self.teacher.find(role, shown)

    def no_key(self):
        self.teacher.stop()
        self.teacher = self.start("keys-second")
        self.teacher.find("button", "Start a Session").press()
        no_key = "This is no key file of Handout, or it is damaged. Get it again from where it came."
        self.imports(self.file("holiday.txt", b"no key at all"), "label", no_key)

    def carry(self):
        [key] = [
            path for path in (self.data_of("keys-first") / "keys/teachers").glob("*.json") if "certificate" not in path.name
        ]
        self.imports(key, ("password text", "text"), "Passphrase")
        self.teacher.find(("password text", "text"), "Passphrase")
        self.look(self.teacher, "passphrase.png")

    def unlock(self):
        self.teacher.find("text", "Course or Title").type("Algebra")
        self.teacher.find(("password text", "text"), "Passphrase").type("wrong")
        self.starts(self.teacher)
        self.teacher.find("label", "Wrong passphrase. Without the right one nobody can open the key.", seconds=60)
        self.teacher.find(("password text", "text"), "Passphrase").type(SECRET)
        self.starts(self.teacher)
        self.teacher.find("label", "Nothing Shared Yet", seconds=60)
