//! Prints a table of simulated classes: `cargo run --release --example sim --features sim`.
//!
//! Arguments: `N MiB [Mbit/s]` for one class of one's own, with `--timeline` also what each moment
//! was used for; `--whole` runs each class with the bare
//! swarm and with whole machines, side by side (see `sim::whole::lesson` for how they differ).
//! What happens in one's own class: `slow=HOST:SHARE`, `die=HOST:PART`, `late=HOST:PART`,
//! `poison=HOST`, `stall=HOST`, `lie=HOST`, `seed=NUMBER`; `cell=FIRST-LAST:MBIT` puts hosts at one
//! access point, `radio=FIRST-LAST` has hosts on wires call themselves wireless; `chunk=KIB` is the size of a chunk;
//! `student=HOST` says what one had at each moment; `--last` lists the students who ended last.

use std::time::Instant;

use handout_engine::sim::class::{Cell, GIGABIT, Report, Scenario};
use handout_engine::sim::node::Behaviour;
use handout_engine::sim::whole::lesson;

const MIB: u64 = 1024 * 1024;

fn main() {
    let arguments: Vec<u32> = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok())
        .collect();
    let whole = std::env::args().any(|word| word == "--whole");
    let show = if whole { compare } else { show };
    if whole {
        println!(
            "{:<34} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>9} {:>6}",
            "class", "bare", "whole", "copies", "whole", "ctrl%", "whole", "joined ms", "wall s"
        );
    } else {
        println!(
            "{:<34} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>7} {:>6}",
            "class", "ratio", "others", "copies", "waste%", "lost%", "ctrl%", "one out", "wall s"
        );
    }
    if let [students, mib, ..] = arguments[..] {
        let rate = arguments
            .get(2)
            .map_or(GIGABIT, |&mbit| f64::from(mbit) * 1e6 / 8.0);
        let bytes = u64::from(mib) * MIB;
        let mut scenario = Scenario::new(students as usize, bytes, rate);
        std::env::args().for_each(|word| trouble(&mut scenario, &word));
        show("own", &scenario);
        if std::env::args().any(|word| word == "--timeline") {
            timeline(&scenario, &scenario.run());
        }
        for word in std::env::args() {
            if let Some(("student", host)) = word.split_once('=') {
                student(&scenario.run(), host.parse().expect("the number of a host"));
            }
        }
        if std::env::args().any(|word| word == "--last") {
            last(&scenario, &scenario.run());
        }
        return;
    }
    for (students, mib, rate) in [
        (1, 32, GIGABIT),
        (8, 10, GIGABIT),
        (8, 10, 8e6),
        (24, 32, GIGABIT),
        (24, 32, 2e6),
        (24, 128, 2e6),
        (50, 32, GIGABIT),
        (50, 32, 1e6),
        (50, 128, 1e6),
        (50, 1024, GIGABIT),
    ] {
        if whole && mib > 512 {
            continue;
        }
        let name = format!("{students} x {mib} MiB at {:.0} Mbit/s", rate * 8e-6);
        show(&name, &Scenario::new(students, mib * MIB, rate));
    }
    if whole {
        return;
    }
    let class = |mib: u64, rate: f64| Scenario::new(50, mib * MIB, rate);
    let mut one = class(512, GIGABIT);
    one.slow = vec![(7, 0.1)];
    show("50 x 512 MiB, one at a tenth", &one);
    let mut five = class(32, 1e6);
    five.slow = (1..6).map(|host| (host, 0.1)).collect();
    show("50 x 32 MiB 8 Mbit, five at a tenth", &five);
    let mut dying = Scenario::new(24, 128 * MIB, 2e6);
    dying.dying = (1..6).map(|host| (host, 0.5)).collect();
    show("24 x 128 MiB 16 Mbit, five die", &dying);
    let mut late = class(256, GIGABIT);
    late.late = vec![(9, 0.9)];
    show("50 x 256 MiB, one joins at 90 %", &late);
    let mut lossy = Scenario::new(24, 32 * MIB, 2e6);
    lossy.loss = 0.01;
    show("24 x 32 MiB 16 Mbit, 1 % loss", &lossy);
    for behaviour in [Behaviour::Poison, Behaviour::FalseHave, Behaviour::Stall] {
        let mut hostile = Scenario::new(24, 64 * MIB, GIGABIT);
        hostile.hostile = vec![(5, behaviour)];
        show(&format!("24 x 64 MiB, one {behaviour:?}"), &hostile);
    }
}

/// The students who ended last: when, by one copy's time, how much they sent, whom they reported.
fn last(scenario: &Scenario, report: &Report) {
    let time = |time: Option<f64>| time.unwrap_or(f64::INFINITY) / report.copy_time;
    let mut students: Vec<_> = report.students.iter().collect();
    students.sort_by(|a, b| time(b.time).total_cmp(&time(a.time)));
    for one in students.iter().take(16) {
        println!(
            "{:>6} cluster {} at {:>6.2}, sent {:>5.2}, received {:>5.2}, reports {:?}",
            one.host,
            scenario.cluster(one.host),
            time(one.time),
            one.sent as f64 / report.bytes as f64,
            one.received as f64 / report.bytes as f64,
            one.accused,
        );
    }
}

/// Takes one argument of a class of one's own into account.
fn trouble(scenario: &mut Scenario, word: &str) {
    let Some((what, rest)) = word.split_once('=') else {
        return;
    };
    let (host, part) = rest.split_once(':').unwrap_or((rest, "1"));
    let (host, last) = host.split_once('-').unwrap_or((host, host));
    let host: usize = host.parse().expect("the number of a host");
    let last: usize = last.parse().expect("the number of a host");
    let part: f64 = part.parse().expect("a part of a rate or of a time");
    match what {
        "cell" => scenario.cells.push(Cell {
            rate: part * 1e6 / 8.0,
            stations: (host..=last).collect(),
        }),
        "radio" => scenario.mislabelled.extend(host..=last),
        "slow" => scenario.slow.push((host, part)),
        "die" => scenario.dying.push((host, part)),
        "late" => scenario.late.push((host, part)),
        "poison" => scenario.hostile.push((host, Behaviour::Poison)),
        "stall" => scenario.hostile.push((host, Behaviour::Stall)),
        "lie" => scenario.hostile.push((host, Behaviour::FalseHave)),
        "seed" => scenario.seed = host as u64,
        "chunk" => scenario.chunk = u32::try_from(host).ok().map(|kib| kib * 1024),
        "student" => {}
        _ => panic!("unknown: {what}"),
    }
}

/// What one student had and had received, in copies, each twentieth of one copy's time.
fn student(report: &Report, host: usize) {
    println!("{:>6} {:>8} {:>8}", "time", "received", "had");
    let part = |bytes: u64| bytes as f64 / report.bytes as f64;
    for sample in report.samples.iter().skip(1) {
        println!(
            "{:>6.2} {:>8.3} {:>8.3}",
            sample.at.0 as f64 / 1e6 / report.copy_time,
            part(sample.received[host]),
            part(sample.had[host]),
        );
    }
}

fn show(name: &str, scenario: &Scenario) {
    let start = Instant::now();
    let report: Report = scenario.run();
    let delivered = report.bytes as f64 * scenario.students as f64 / 100.0;
    println!(
        "{name:<34} {:>6.3} {:>6.2} {:>6.2} {:>6.2} {:>6.2} {:>6.2} {:>7.2} {:>6.2}",
        report.ratio(),
        report.others_ratio(),
        report.copies(),
        report.waste() * 100.0,
        report.lost as f64 / delivered,
        report.control.1 as f64 / delivered,
        report.one_copy.map_or(f64::NAN, |at| at / report.copy_time),
        start.elapsed().as_secs_f64(),
    );
    for violation in report.violations.iter().take(3) {
        println!("  {violation}");
    }
}

/// One class with the bare swarm and with whole machines: medians of three seeds.
fn compare(name: &str, scenario: &Scenario) {
    let start = Instant::now();
    let mut figures: [Vec<f64>; 7] = Default::default();
    for seed in 1..=3 {
        let mut scenario = scenario.clone();
        scenario.seed = seed;
        let (bare, whole) = (scenario.run(), lesson::run(&scenario));
        let delivered = bare.bytes as f64 * scenario.students as f64 / 100.0;
        let run = [
            bare.ratio(),
            whole.ratio,
            bare.copies(),
            whole.copies,
            bare.control.1 as f64 / delivered,
            whole.control.1 as f64 / delivered,
            whole.gathered * 1e3,
        ];
        for (all, figure) in figures.iter_mut().zip(run) {
            all.push(figure);
        }
        for violation in bare.violations.iter().chain(&whole.violations).take(3) {
            println!("  {violation}");
        }
    }
    let [
        bare,
        whole,
        copies,
        copies_whole,
        control,
        control_whole,
        joined,
    ] = figures.map(median);
    println!(
        "{name:<34} {bare:>6.3} {whole:>6.3} {copies:>6.2} {copies_whole:>6.2} {control:>6.2} \
         {control_whole:>6.2} {joined:>9.0} {:>6.2}",
        start.elapsed().as_secs_f64(),
    );
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// What each twentieth of one copy's time brought: how busy uplinks were, how far the students.
fn timeline(scenario: &Scenario, report: &Report) {
    println!(
        "{:>6} {:>8} {:>24} {:>24} {:>6}",
        "time", "teacher", "uplinks", "students", "lost%"
    );
    for pair in report.samples.windows(2) {
        let (before, now) = (&pair[0], &pair[1]);
        let seconds = now.at.since(before.at).as_secs_f64();
        let rate = |host: usize| {
            let earlier = before.sent.get(host).copied().unwrap_or(0);
            (now.sent[host] - earlier) as f64 / seconds / scenario.rate
        };
        let spread = |mut list: Vec<f64>| {
            list.sort_by(f64::total_cmp);
            let mean = list.iter().sum::<f64>() / list.len() as f64;
            format!("{:.2} {mean:.2} {:.2}", list[0], list[list.len() - 1])
        };
        let uplinks = spread((1..=scenario.students).map(rate).collect());
        let part = |&had: &u64| had as f64 / report.bytes as f64;
        let students = spread(now.had[1..].iter().map(part).collect());
        let sent: f64 = (0..=scenario.students).map(rate).sum::<f64>() * seconds * scenario.rate;
        println!(
            "{:>6.2} {:>8.2} {uplinks:>24} {students:>24} {:>6.2}",
            now.at.0 as f64 / 1e6 / report.copy_time,
            rate(0),
            (now.lost - before.lost) as f64 / sent * 100.0,
        );
    }
}
