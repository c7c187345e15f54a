//! Who has what in a demo, from what the processes say.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::MESSAGE;
use super::child::Said;
use crate::exit::{Code, Failure};
use crate::output::Output;
use crate::text::size;

/// One student.
#[derive(Debug, Default)]
pub struct Student {
    /// From 1.
    pub number: usize,
    /// Whether it has joined.
    joined: bool,
    /// Whether the message is there.
    message: bool,
    /// Verified bytes.
    bytes: u64,
    /// Where everything is saved; empty until then.
    pub saved: PathBuf,
    /// The last thing that went wrong.
    trouble: String,
    /// Whether its process is gone.
    gone: bool,
}

impl Student {
    /// Whether everything is there.
    fn complete(&self) -> bool {
        self.message && !self.saved.as_os_str().is_empty()
    }

    /// Where it stands, in words.
    fn state(&self, total: u64) -> String {
        let file = match (self.joined, self.saved.as_os_str().is_empty()) {
            (_, false) => "has everything".to_owned(),
            (true, true) => format!("{} of {}", size(self.bytes), size(total)),
            (false, true) => "has not joined".to_owned(),
        };
        let message = if self.message {
            "the message"
        } else {
            "no message"
        };
        let gone = if self.gone {
            ", its process has ended"
        } else {
            ""
        };
        let trouble = if self.trouble.is_empty() || self.complete() {
            String::new()
        } else {
            format!(": {}", self.trouble)
        };
        format!("{file}, {message}{gone}{trouble}")
    }
}

/// The class.
pub struct Class<'a> {
    students: Vec<Student>,
    bars: Vec<ProgressBar>,
    output: &'a Output,
    /// Bytes of one copy.
    total: u64,
    /// When the session started.
    started: Option<Instant>,
    /// When the last student had everything.
    finished: Option<Instant>,
}

impl<'a> Class<'a> {
    /// Students that have nothing yet.
    pub fn new(students: usize, total: u64, output: &'a Output) -> Self {
        let students = (1..=students)
            .map(|number| Student {
                number,
                ..Student::default()
            })
            .collect::<Vec<_>>();
        let bars = if output.is_terminal() {
            students
                .iter()
                .map(|student| bar(output, student, total))
                .collect()
        } else {
            Vec::new()
        };
        Self {
            students,
            bars,
            output,
            total,
            started: None,
            finished: None,
        }
    }

    /// All students.
    pub fn students(&self) -> &[Student] {
        &self.students
    }

    /// Whether everybody has everything.
    pub fn complete(&self) -> bool {
        self.students.iter().all(Student::complete)
    }

    /// Seconds from the session's start to the last student's last byte.
    pub fn seconds(&self) -> f64 {
        match (self.started, self.finished) {
            (Some(started), Some(finished)) => (finished - started).as_secs_f64(),
            _ => 0.0,
        }
    }

    /// Takes the table off the screen.
    pub fn clear(&mut self) {
        self.bars.drain(..).for_each(|bar| bar.finish());
    }

    /// Takes in what a process said; an error ends the demo.
    pub fn hear(&mut self, said: &Said, interface: &str) -> Result<(), Failure> {
        let Some(line) = &said.line else {
            return self.gone(said.who);
        };
        let event = line["event"].as_str().unwrap_or_default();
        if event == "ready" && line["interfaces"] != serde_json::json!([interface]) {
            return Err(Failure::failed(format!(
                "a process of the demo uses {}, not {interface} alone: stopped",
                line["interfaces"]
            )));
        }
        match said.who {
            0 => self.teacher_said(event, line),
            who => {
                self.student_said(who - 1, event, line);
                Ok(())
            }
        }
    }

    fn teacher_said(&mut self, event: &str, line: &Value) -> Result<(), Failure> {
        match event {
            "started" => self.started = Some(Instant::now()),
            "error" => {
                let text = line["text"].as_str().unwrap_or_default();
                return Err(self.lacking(&format!("the teacher failed: {text}")));
            }
            _ => (),
        }
        Ok(())
    }

    fn student_said(&mut self, index: usize, event: &str, line: &Value) {
        let before = self.students[index].complete();
        let student = &mut self.students[index];
        match event {
            "session" if line["state"]["state"] == "joined" => student.joined = true,
            "posted" if line["content"]["kind"] == "text" => {
                student.message |= line["content"]["text"] == MESSAGE;
            }
            "item" => student.item(line),
            // Everybody shares this machine's ports.
            "warning" if line["kind"] == "port-taken" => return,
            "error" | "warning" => {
                line["text"]
                    .as_str()
                    .unwrap_or_default()
                    .clone_into(&mut student.trouble);
            }
            _ => return,
        }
        let complete = student.complete();
        if complete && !before {
            self.finished = Some(Instant::now());
            let have = self
                .students
                .iter()
                .filter(|student| student.complete())
                .count();
            if self.bars.is_empty() {
                self.output.say(format!(
                    "Student {}: has everything and the message ({have} of {})",
                    index + 1,
                    self.students.len()
                ));
            }
        }
        if let Some(bar) = self.bars.get(index) {
            let student = &self.students[index];
            bar.set_position(if student.saved.as_os_str().is_empty() {
                student.bytes
            } else {
                bar.length().unwrap_or(1)
            });
            bar.set_message(student.state(self.total));
        }
    }

    /// A process has ended before its time.
    fn gone(&mut self, who: usize) -> Result<(), Failure> {
        match who {
            0 => Err(self.lacking("the teacher's process has ended")),
            who => {
                self.students[who - 1].gone = true;
                Err(self.lacking(&format!("the process of student {who} has ended")))
            }
        }
    }

    /// A failure that says who lacks what.
    pub fn lacking(&self, why: &str) -> Failure {
        let have = self
            .students
            .iter()
            .filter(|student| student.complete())
            .count();
        let mut text = format!(
            "{why}; {have} of {} students have everything",
            self.students.len()
        );
        for student in self.students.iter().filter(|student| !student.complete()) {
            let state = student.state(self.total);
            let _ = write!(
                text,
                "
  student {}: {state}",
                student.number
            );
        }
        Failure::new(Code::Incomplete, text)
    }
}

impl Student {
    /// An item event.
    fn item(&mut self, line: &Value) {
        self.bytes = line["bytes"].as_u64().unwrap_or(self.bytes);
        let progress = &line["progress"];
        match progress["progress"].as_str() {
            Some("saved") => self.saved = progress["path"].as_str().unwrap_or_default().into(),
            Some("failed") => {
                progress["text"]
                    .as_str()
                    .unwrap_or_default()
                    .clone_into(&mut self.trouble);
            }
            _ => (),
        }
    }
}

/// A student's line in the table.
fn bar(output: &Output, student: &Student, total: u64) -> ProgressBar {
    let bar = output.bars().add(ProgressBar::new(total.max(1)));
    let style = ProgressStyle::with_template("{prefix} {bar:30} {percent:>3}%  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style);
    bar.set_prefix(format!("Student {:<3}", student.number));
    bar
}
