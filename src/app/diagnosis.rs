//! What the network looks like from here, in words.

use std::fmt::Write as _;

use gettextrs::gettext;
use handout_engine::api::{Diagnosis, InterfaceReport, RefusedReport, SessionState};

use crate::config;
use crate::format;
use crate::i18n::{gettext_f, ngettext_f};

/// What is most likely wrong, and what to do.
pub fn verdict(found: &Diagnosis) -> String {
    let port = found.udp_port.to_string();
    let used = || found.interfaces.iter().filter(|interface| interface.used);
    let heard: u64 = used().map(|interface| interface.heard).sum();
    if used().next().is_none() {
        return gettext(
            "This computer is on no network that Handout can use. Plug in the cable or join the lab’s Wi-Fi.",
        );
    }
    let unknown = |state: &SessionState| *state == SessionState::Unknown;
    if found.sessions.iter().any(|session| unknown(&session.state)) {
        return gettext(
            "A session is here, but its teacher is not known on this computer. Go back and review it.",
        );
    }
    if !found.sessions.is_empty() {
        return gettext("Everything works: a session was found.");
    }
    if !found.refused.is_empty() {
        return gettext(
            "Announcements arrive, but were refused; the reasons are below. Show them to your teacher.",
        );
    }
    if heard == 0 {
        return gettext_f(
            "Nothing was heard yet. If your teacher has started a session, a firewall may block UDP and TCP port {port} on one of the two computers, or they are on different networks.",
            &[("port", &port)],
        );
    }
    gettext(
        "Other computers are heard, but no session. Ask your teacher whether it has been started.",
    )
}

/// What else stands out, and what to do about it.
pub fn remarks(found: &Diagnosis) -> Vec<String> {
    let mut remarks = Vec::new();
    if found.is_isolated() {
        remarks.push(gettext(
            "The teacher’s computer is reached, those of other students are not: this network keeps its computers apart. Everything comes from the teacher alone, which takes long.",
        ));
    }
    let unreached = found.unreached();
    if unreached > 0 {
        remarks.push(ngettext_f(
            "{n} student is in the session but cannot be reached from here; others pass everything on.",
            "{n} students are in the session but cannot be reached from here; others pass everything on.",
            unreached,
            &[],
        ));
    }
    if found.receive_remote {
        remarks.push(gettext_f(
            "The folder for received files, {folder}, is on another computer’s disk: everything crosses the network once more. Choose a folder of this computer in the preferences.",
            &[("folder", &found.receive_dir.display().to_string())],
        ));
    }
    remarks
}

/// One connection: its name, and what it did.
pub fn interface(report: &InterfaceReport) -> (String, String) {
    let traffic = if report.used {
        gettext_f(
            "{sent} sent, {heard} heard",
            &[
                ("sent", &report.sent.to_string()),
                ("heard", &report.heard.to_string()),
            ],
        )
    } else {
        gettext("Not used")
    };
    let facts = [report.addresses.join(", "), traffic, report.note.clone()];
    (report.name.clone(), format::joined(&facts))
}

/// One refusal: from where, and why.
pub fn refused(report: &RefusedReport) -> (String, String) {
    let times = ngettext_f("{n} time", "{n} times", report.count, &[]);
    (
        report.reason.clone(),
        format::joined(&[report.from.to_string(), times]),
    )
}

/// All of it, for a person who helps.
pub fn report(found: &Diagnosis) -> String {
    let mut text = format!("Handout {}\n{}\n", config::VERSION, verdict(found));
    let mut line = |line: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
    };
    for remark in remarks(found) {
        line(remark);
    }
    line(format!("UDP {}, TCP {}", found.udp_port, found.tcp_port));
    for link in found.own_links() {
        line(link);
    }
    for report in &found.interfaces {
        let (name, facts) = interface(report);
        line(format!("{name}: {facts}"));
    }
    for report in &found.refused {
        let (reason, facts) = refused(report);
        line(format!("{reason}: {facts}"));
    }
    for session in &found.sessions {
        line(format!(
            "{} ({}): {:?}",
            session.title, session.teacher, session.state
        ));
    }
    for link in &found.links {
        line(format!(
            "{} {}",
            link.remote,
            if link.bulk { "+" } else { "-" }
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use handout_engine::api::{DeviceId, LinkKind};

    use super::*;

    fn found(interfaces: Vec<InterfaceReport>) -> Diagnosis {
        Diagnosis {
            device: DeviceId([1; 32]),
            udp_port: 47800,
            tcp_port: 47801,
            interfaces,
            refused: Vec::new(),
            sessions: Vec::new(),
            links: Vec::new(),
            receive_dir: "/home/asha/Downloads/Handout".into(),
            receive_remote: false,
        }
    }

    fn wired(used: bool, heard: u64) -> InterfaceReport {
        InterfaceReport {
            name: "enp3s0".into(),
            addresses: vec!["10.0.3.7/23".into()],
            kind: LinkKind::Wired,
            used,
            note: String::new(),
            sent: 12,
            heard,
        }
    }

    #[test]
    fn the_verdict_names_the_cause() {
        assert!(verdict(&found(vec![wired(false, 0)])).contains("no network"));
        assert!(verdict(&found(vec![wired(true, 0)])).contains("47800"));
        assert!(verdict(&found(vec![wired(true, 3)])).contains("Ask your teacher"));
    }

    #[test]
    fn a_folder_on_another_computer_is_remarked_on() {
        let mut found = found(vec![wired(true, 3)]);
        assert!(remarks(&found).is_empty());
        found.receive_remote = true;
        assert!(remarks(&found)[0].contains("/home/asha/Downloads/Handout"));
        assert_eq!(found.own_links(), ["handout://10.0.3.7:47801"]);
    }

    #[test]
    fn the_report_holds_what_a_helper_needs() {
        let text = report(&found(vec![wired(true, 3)]));
        assert!(text.contains("enp3s0: 10.0.3.7/23 · 12 sent, 3 heard"));
        assert!(text.contains("UDP 47800, TCP 47801"));
    }
}
