#!/usr/bin/env python3
"""outside --files PATH… | --text TEXT: another program, whose files or text are copied at its start, and can be dragged from it."""

import sys

import gi

gi.require_version("Gdk", "4.0")
gi.require_version("Gtk", "4.0")
from gi.repository import Gdk, Gio, GLib, Gtk  # noqa: E402


def content(kind, words):
    """What is copied and dragged."""
    if kind == "--text":
        return Gdk.ContentProvider.new_for_value(words[0])
    uris = "".join(f"{Gio.File.new_for_path(word).get_uri()}\r\n" for word in words)
    return Gdk.ContentProvider.new_for_bytes("text/uri-list", GLib.Bytes.new(uris.encode()))


def show(app):
    """The window: one word to drag, which says when the clipboard is filled."""
    window = Gtk.ApplicationWindow(application=app, title="Outside", default_width=160, default_height=100)
    label = Gtk.Label(label="Drag me")
    source = Gtk.DragSource()
    source.set_content(content(sys.argv[1], sys.argv[2:]))
    label.add_controller(source)
    window.set_child(label)
    window.present()
    window.get_clipboard().set_content(content(sys.argv[1], sys.argv[2:]))


if __name__ == "__main__":
    app = Gtk.Application(application_id="org.example.Outside", flags=Gio.ApplicationFlags.NON_UNIQUE)
    app.connect("activate", show)
    app.run([])
