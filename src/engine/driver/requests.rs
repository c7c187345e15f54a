//! What people want of the engine.

use async_channel::Sender;

use super::Driver;
use crate::api::Diagnosis;
use crate::core::ids::{ItemId, Version};
use crate::core::io::{Command, CommandError};

/// Where an answer goes; nobody may wait for it any more.
pub type Reply<T> = Sender<T>;

/// Something that people want.
pub enum Request {
    /// A command for the core.
    Command(Command, Reply<Result<(), CommandError>>),
    /// A command that posts an item, answered with the version that it became.
    Share {
        /// The item.
        item: ItemId,
        /// The command.
        command: Command,
        /// The answer.
        reply: Reply<Result<Version, CommandError>>,
    },
    /// What the network looks like.
    Diagnosis(Reply<Diagnosis>),
    /// Stop; the reply is dropped when that is done.
    Shutdown(Reply<()>),
}

impl Driver {
    pub(super) fn asked(&mut self, request: Request) {
        match request {
            Request::Command(command, reply) => {
                let done = self.command(command);
                let _ = reply.try_send(done);
            }
            Request::Share {
                item,
                command,
                reply,
            } => {
                self.state.posted = Some((item, Version(1)));
                let done = self.command(command);
                let version = self
                    .state
                    .posted
                    .take()
                    .map_or(Version(1), |(_, version)| version);
                let _ = reply.try_send(done.map(|()| version));
            }
            Request::Diagnosis(reply) => {
                let _ = reply.try_send(self.diagnose());
            }
            // Handled by the loop.
            Request::Shutdown(_) => {}
        }
    }

    fn command(&mut self, command: Command) -> Result<(), CommandError> {
        let done = self.core.command(self.state.now(), command);
        self.carry_out();
        done
    }

    fn diagnose(&self) -> Diagnosis {
        let core = self.core.refused(self.state.now());
        Diagnosis {
            device: self.core.device(),
            udp_port: self.state.udp_port,
            tcp_port: self.state.port,
            interfaces: self.net.interfaces(),
            refused: self.state.refusals.report(core),
            sessions: self.core.sessions(),
            links: self.net.links(),
            receive_dir: self.disk.receiving().folder,
            receive_remote: self.disk.receives_remotely(),
        }
    }
}
