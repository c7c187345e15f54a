//! Carrying out what the core wants.

use super::Driver;
use super::history::{Note, SessionNote};
use super::receive::Wanted;
use crate::api::{Event, PostContent, Warning, WarningKind};
use crate::core::io::{Disk, Input, Kept, Output};

impl Driver {
    /// Does everything that the core wants by now, in its order.
    pub(super) fn carry_out(&mut self) {
        while let Some(output) = self.core.poll() {
            match output {
                Output::Datagram { to, bytes } => self.net.send_datagram(&to, &bytes),
                Output::Dial {
                    dial,
                    address,
                    expect,
                } => self.net.dial(dial, address, expect),
                Output::Frame { link, bytes } => self.net.send(link, bytes),
                Output::Record {
                    link,
                    header,
                    length,
                } => self.disk.serve(link, header, length),
                Output::Forget {
                    link,
                    session,
                    set,
                    chunk,
                } => self.net.forget(link, session, set, chunk),
                Output::Close { link } => self.net.close(link),
                Output::Disk(disk) => self.disk_output(disk),
                Output::Event(event) => self.event(event),
            }
        }
    }

    fn event(&mut self, event: Event) {
        match &event {
            Event::Member(view) if !view.own => self.know_member(view.device),
            Event::Posted(post) => {
                if let PostContent::Files { item, version, .. } = &post.content
                    && let Some((wanted, known)) = &mut self.state.posted
                    && wanted == item
                {
                    *known = *version;
                }
            }
            _ => {}
        }
        self.events.push(event);
    }

    fn disk_warning(&mut self, text: String) {
        self.warn(Warning {
            kind: WarningKind::Disk,
            session: None,
            text,
        });
    }

    fn disk_output(&mut self, disk: Disk) {
        match disk {
            Disk::Open {
                session,
                folder,
                set,
                item,
                version,
                chunk_size,
                files,
            } => self.disk.open(Wanted {
                session,
                folder,
                set,
                item: (item, version),
                chunk_size,
                files,
            }),
            Disk::Hashes { set, first, hashes } => self.disk.hashes(set, first, hashes),
            Disk::Final { set, root } => self.disk.set_root(set, root),
            Disk::Close { set } => self.disk.close(set),
            Disk::Hash {
                session,
                set,
                chunk_size,
            } => self.disk.hash(session, set, chunk_size),
            Disk::Token {
                session,
                device,
                token,
            } => self.disk.history.note(Note::Token(session, device, token)),
            Disk::Attendance {
                session,
                device,
                present,
                time,
            } => {
                let note = Note::Attendance(session, device, present, time);
                self.disk.history.note(note);
            }
            Disk::Status(status) => self.disk.history.note(Note::Status(status)),
            Disk::Finished { set, page } => self.disk.finished(set, page),
            Disk::Trust(change) => self.disk.history.note(Note::Trust(change)),
            Disk::Entry { entry, .. } => {
                if let Err(text) = self.disk.history.entry(entry) {
                    self.disk_warning(text);
                }
            }
            Disk::Restore { session } => {
                // At once: what comes next from the network builds on it.
                let kept = self.disk.history.kept(session).unwrap_or_else(|error| {
                    self.disk_warning(error.to_string());
                    Kept::default()
                });
                let restored = Input::Restored { session, kept };
                self.core.handle(self.state.now(), restored);
            }
            Disk::Session {
                session,
                title,
                teacher,
                teacher_key,
                own,
                epoch,
                ended,
            } => self.disk.history.note(Note::Session(SessionNote {
                session,
                title,
                teacher,
                teacher_key,
                own,
                epoch,
                ended,
                now: self.state.now().wall,
            })),
        }
    }
}
