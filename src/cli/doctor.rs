//! `doctor`: what the network looks like from here, and why something is not seen.

use std::time::{Duration, Instant};

use clap::Args;
use handout_engine::api::{Diagnosis, Event, InterfaceReport, LinkKind};

use crate::args::Global;
use crate::exit::{Code, Failure};
use crate::inbox::{Happening, Inbox};
use crate::lines::Line;
use crate::output::Output;
use crate::person::person;
use crate::setup::{self, Wanted};
use crate::text::{count, plain};
use crate::words;

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// How long to listen
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub seconds: u64,
}

/// Listens for a while and tells what there is.
pub async fn run(global: &Global, args: &DoctorArgs, output: &Output) -> Result<Code, Failure> {
    let (engine, events) = setup::start(global, Wanted::by(person(None, None)))?;
    let result = async {
        let mut inbox = Inbox::new(events, false)?;
        output.say(format!("Listening for {}", count(args.seconds, "second")));
        let end = Instant::now() + Duration::from_secs(args.seconds);
        loop {
            match inbox.next(Some(end)).await {
                Happening::Event(event) => {
                    output.emit(&event);
                    if let Event::Warning(warning) = &*event {
                        output.say(words::warning(warning));
                    }
                }
                Happening::Due | Happening::Interrupted => break,
                Happening::EngineGone => return Err(Failure::failed("the engine has stopped")),
                Happening::Line(_) | Happening::InputEnded => (),
            }
        }
        Ok(engine.diagnosis().await?)
    }
    .await;
    setup::stop(&engine).await;
    let diagnosis = result?;
    output.emit(&Line::Diagnosis(&diagnosis));
    tell(&diagnosis, output);
    if diagnosis.interfaces.iter().any(|interface| interface.used) {
        return Ok(Code::Done);
    }
    Err(
        Failure::new(Code::NothingFound, "no network interface can be used")
            .hint("connect the cable or the wireless network, or name one with --interface"),
    )
}

/// The diagnosis in words.
fn tell(diagnosis: &Diagnosis, output: &Output) {
    let (udp, tcp) = (diagnosis.udp_port, diagnosis.tcp_port);
    output.say(format!("Ports: UDP {udp} (discovery), TCP {tcp} (links)"));
    output.say("Interfaces:");
    for interface in &diagnosis.interfaces {
        output.say(interface_line(interface));
    }
    output.say(if diagnosis.sessions.is_empty() {
        "No session was seen."
    } else {
        "Sessions:"
    });
    for view in &diagnosis.sessions {
        let state = words::session_state(&view.state);
        let (title, teacher) = (&view.title, &view.teacher);
        output.say(plain(&format!("  \"{title}\" of {teacher}: {state}")));
        output.say(format!("    fingerprint: {}", view.fingerprint));
    }
    if !diagnosis.refused.is_empty() {
        output.say("Refused:");
    }
    for refused in &diagnosis.refused {
        let (from, reason) = (refused.from, &refused.reason);
        let (times, ago) = (count(refused.count.into(), "time"), refused.seconds);
        output.say(plain(&format!(
            "  from {from}: {reason} ({times}, last {ago} s ago)"
        )));
    }
    if diagnosis.is_isolated() {
        output.say(
            "The teacher's computer is reached, those of other students are not: this network keeps its computers apart \
             (client isolation). Everything comes from the teacher alone; ask for the network to be opened.",
        );
    }
    if diagnosis.receive_remote {
        let folder = diagnosis.receive_dir.display();
        output.say(plain(&format!(
            "Received files go to {folder}, on another machine's disk: everything crosses the network twice. Name a local folder \
             with --save."
        )));
    }
    for link in &diagnosis.links {
        let lanes = if link.bulk {
            "control and bulk"
        } else {
            "control only"
        };
        output.say(format!("Linked to {} ({lanes})", link.remote));
    }
}

/// One interface as one line.
fn interface_line(interface: &InterfaceReport) -> String {
    let kind = match interface.kind {
        LinkKind::Wired => "wired",
        LinkKind::Wireless => "wireless",
        LinkKind::Unknown => "kind not known",
    };
    let used = if interface.used { "used" } else { "not used" };
    let note = if interface.note.is_empty() {
        String::new()
    } else {
        format!(": {}", interface.note)
    };
    let addresses = interface.addresses.join(", ");
    let (name, sent, heard) = (&interface.name, interface.sent, interface.heard);
    format!("  {name} ({kind}), {addresses}, {used}{note}; {sent} sent, {heard} heard")
}
