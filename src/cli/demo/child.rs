//! The processes of a demo.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use serde_json::Value;

use crate::exit::Failure;
use crate::keys;

/// Who a process is.
#[derive(Debug, Clone, Copy)]
enum Role<'a> {
    /// The teacher.
    Teacher {
        /// What is handed out.
        paths: &'a [PathBuf],
        /// What is said.
        message: &'a str,
    },
    /// A student, by number from 1.
    Student(usize),
}

/// A line that a process printed.
#[derive(Debug)]
pub struct Said {
    /// Who: 0 is the teacher.
    pub who: usize,
    /// What; `None` when the process will say nothing more.
    pub line: Option<Value>,
}

/// What all processes have in common.
pub struct Common<'a> {
    program: &'a Path,
    folder: &'a Path,
    interface: &'a str,
    port: u16,
    verbose: u8,
}

impl<'a> Common<'a> {
    /// The program, a folder for everything, the network, and how much is told of what happens
    /// inside.
    pub const fn new(
        program: &'a Path,
        folder: &'a Path,
        interface: &'a str,
        port: u16,
        verbose: u8,
    ) -> Self {
        Self {
            program,
            folder,
            interface,
            port,
            verbose,
        }
    }

    /// Makes the keys and starts everybody; what they say comes from the receiver.
    pub fn start(
        &self,
        students: usize,
        paths: &[PathBuf],
        message: &str,
    ) -> Result<(Vec<Child>, Receiver<Said>), Failure> {
        let data = (1..=students).map(|number| self.data_dir(number));
        keys::make_class(&self.data_dir(0), &data.collect::<Vec<_>>())?;
        let (sender, said) = async_channel::unbounded();
        let mut children = vec![self.spawn(Role::Teacher { paths, message }, &sender)?];
        for number in 1..=students {
            children.push(self.spawn(Role::Student(number), &sender)?);
        }
        Ok((children, said))
    }

    /// The folder of somebody's keys and history.
    fn data_dir(&self, who: usize) -> PathBuf {
        self.folder.join(format!("{who:03}")).join("data")
    }

    /// Starts a process; what it says goes to `said`.
    fn spawn(&self, role: Role, said: &Sender<Said>) -> Result<Child, Failure> {
        let who = match role {
            Role::Teacher { .. } => 0,
            Role::Student(number) => number,
        };
        let mut command = Command::new(self.program);
        if self.verbose > 0 {
            command.arg(format!("-{}", "v".repeat(self.verbose.into())));
        } else {
            // What goes wrong comes as lines; the same in words would spoil the table.
            command.stderr(Stdio::null());
        }
        command
            .arg("--json")
            .args(["--interface", self.interface])
            .args(["--port", &self.port.to_string()])
            .arg("--data-dir")
            .arg(self.data_dir(who));
        match role {
            Role::Teacher { paths, message } => command
                .args([
                    "teach",
                    "--no-passphrase",
                    "--title",
                    "Demo",
                    "--message",
                    message,
                ])
                .args(["--stdin", "--end-with-input", "--"])
                .args(paths),
            Role::Student(number) => command
                .args([
                    "join",
                    "--name",
                    &format!("Student {number}"),
                    "--roll",
                    &number.to_string(),
                ])
                .args(["--stdin", "--end-with-input", "--save"])
                .arg(self.folder.join(format!("{number:03}")).join("received")),
        };
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::failed(format!("cannot start process {who}: {error}")))?;
        listen(who, &mut process, said.clone());
        Ok(Child { process })
    }
}

/// Reads what a process prints, on a thread of its own.
fn listen(who: usize, process: &mut process::Child, said: Sender<Said>) {
    let Some(out) = process.stdout.take() else {
        return;
    };
    thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            let line = serde_json::from_str(&line).ok();
            if line.is_some() && said.send_blocking(Said { who, line }).is_err() {
                return;
            }
        }
        // Nobody listens any more once the demo is over.
        let _ = said.send_blocking(Said { who, line: None });
    });
}

/// A process; killed when dropped.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
}

impl Child {
    /// Asks it to end.
    fn ask_to_end(&mut self) {
        if let Some(mut input) = self.process.stdin.take() {
            // It may have ended by itself.
            let _ = input.write_all(b"/end\n");
        }
    }

    /// Whether it has ended.
    fn has_ended(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(Some(_)) | Err(_))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.has_ended() {
            // Both fail only when it has ended meanwhile.
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

/// Ends all processes: politely, then by force.
pub async fn end_all(mut children: Vec<Child>, patience: Duration) {
    children.iter_mut().for_each(Child::ask_to_end);
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline && !children.iter_mut().all(Child::has_ended) {
        smol::Timer::after(Duration::from_millis(20)).await;
    }
}
