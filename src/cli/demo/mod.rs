//! `demo`: a whole class on this machine alone, every copy checked.
//!
//! One teacher and some students, each a process of this program with its own folders, on the
//! loopback interface and nothing else. The demo reads their `--json` lines, and in the end looks
//! at the files itself.

mod check;
mod child;
mod class;

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use async_channel::Receiver;
use clap::Args;
use futures_lite::future;
use smol::Timer;
use tempfile::TempDir;

use crate::args::Global;
use crate::exit::{Code, Failure};
use crate::inbox::interruptions;
use crate::lines::Line;
use crate::output::Output;
use crate::setup::absolute;
use crate::text::{count, size};
use child::{Child, Said};
use class::Class;

/// The loopback interface.
const LOOPBACK: &str = if cfg!(any(target_os = "macos", target_os = "freebsd")) {
    "lo0"
} else {
    "lo"
};
/// What the teacher says.
const MESSAGE: &str = "Welcome! Open the file and start with part one.";
/// How long the processes may take to end.
const GOODBYE: Duration = Duration::from_secs(10);

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Files and folders to hand out [default: this program itself]
    #[arg(value_name = "FILE|FOLDER")]
    pub paths: Vec<PathBuf>,
    /// How many students
    #[arg(long, value_name = "N", default_value_t = 8,
          value_parser = clap::value_parser!(u16).range(1..=200))]
    pub students: u16,
    /// Give up after this time
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub seconds: u64,
}

/// Runs the class.
pub async fn run(global: &Global, args: &DemoArgs, output: &Output) -> Result<Code, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::failed(format!("cannot find this program: {error}")))?;
    let paths = match args.paths.as_slice() {
        [] => vec![program.clone()],
        paths => paths
            .iter()
            .map(|path| absolute(path))
            .collect::<Result<_, _>>()?,
    };
    let original = check::originals(&paths)?;
    let students = usize::from(args.students);
    let folder = tempfile::Builder::new()
        .prefix("handout-demo-")
        .tempdir()
        .map_err(|error| Failure::failed(format!("cannot make a folder for the class: {error}")))?;
    output.say(format!(
        "One teacher and {}, each its own process, on {LOOPBACK} alone.",
        count(students as u64, "student")
    ));
    output.say(format!(
        "Handing out {}, {}, and a message.",
        count(original.files() as u64, "file"),
        size(original.bytes())
    ));
    let port = free_port()?;
    let common = child::Common::new(&program, folder.path(), LOOPBACK, port, global.verbose);
    let (children, said) = common.start(students, &paths, MESSAGE)?;
    let class = Class::new(students, original.bytes(), output);
    let mut demo = Demo {
        children,
        said,
        interrupted: interruptions()?,
        class,
        original,
        output,
        folder,
    };
    let deadline = Instant::now() + Duration::from_secs(args.seconds);
    let result = demo.watch(deadline).await;
    let result = match result {
        Ok(()) => demo.check().await,
        Err(failure) => Err(failure),
    };
    demo.end().await;
    result
}

/// A running class.
struct Demo<'a> {
    children: Vec<Child>,
    said: Receiver<Said>,
    interrupted: Receiver<()>,
    class: Class<'a>,
    original: check::Copies,
    output: &'a Output,
    /// Removed with everything in it at the end.
    folder: TempDir,
}

impl Demo<'_> {
    /// Waits until everybody says that everything is there.
    async fn watch(&mut self, deadline: Instant) -> Result<(), Failure> {
        while !self.class.complete() {
            let said = async { Some(self.said.recv().await) };
            let due = async {
                Timer::at(deadline).await;
                None
            };
            let interrupted = async {
                let _ = self.interrupted.recv().await;
                None
            };
            match future::or(future::or(due, interrupted), said).await {
                Some(Ok(said)) => self.class.hear(&said, LOOPBACK)?,
                Some(Err(_)) => return Err(self.class.lacking("everybody has stopped")),
                None => {
                    let why = if Instant::now() >= deadline {
                        "the time is over"
                    } else {
                        "interrupted"
                    };
                    return Err(self.class.lacking(why));
                }
            }
        }
        Ok(())
    }

    /// Compares every student's files with the originals, byte for byte by hash.
    async fn check(&mut self) -> Result<Code, Failure> {
        self.class.clear();
        let mut good = 0;
        for student in self.class.students() {
            let saved = student.saved.clone();
            let copies = smol::unblock(move || check::copies(&saved)).await;
            let lacks = match copies {
                Ok(copies) if copies == self.original => String::new(),
                Ok(copies) => self.original.difference(&copies),
                Err(failure) => failure.text,
            };
            let lacks = lacks.as_str();
            good += usize::from(lacks.is_empty());
            self.output.emit(&Line::Checked {
                student: student.number,
                good: lacks.is_empty(),
                lacks,
            });
            if !lacks.is_empty() {
                self.output
                    .say(format!("Student {}: {lacks}", student.number));
            }
        }
        let students = self.class.students().len();
        let seconds = self.class.seconds();
        let bytes = self.original.bytes();
        self.output.emit(&Line::Demo {
            students,
            complete: good,
            bytes,
            seconds,
        });
        if good < students {
            return Err(Failure::new(
                Code::Incomplete,
                format!("{good} of {students} students have every byte"),
            ));
        }
        let copies = count(students as u64, "student");
        self.output.say(format!(
            "{copies} verified: every byte (BLAKE3) and the message, {} each, in {seconds:.1} s.",
            size(bytes)
        ));
        Ok(Code::Done)
    }

    /// Ends everybody and removes what they left.
    async fn end(self) {
        child::end_all(self.children, GOODBYE).await;
        let path = self.folder.path().to_owned();
        if let Err(error) = self.folder.close() {
            self.output
                .say(format!("{} could not be removed: {error}", path.display()));
        }
    }
}

/// A port that nobody uses on the loopback interface, for UDP and TCP.
fn free_port() -> Result<u16, Failure> {
    let failed = |error: std::io::Error| {
        Failure::failed(format!("cannot find a free port on loopback: {error}"))
    };
    for _ in 0..32 {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let port = tcp.local_addr().map_err(failed)?.port();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Failure::failed(
        "no port is free on loopback for both UDP and TCP",
    ))
}
