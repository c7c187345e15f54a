//! Classes on Wi-Fi: what the air costs, and what a wrong word about it costs.
#![allow(clippy::unwrap_used)]

use super::class::{Cell, GIGABIT, Report, Scenario};

const MIB: u64 = 1024 * 1024;
/// 80 Mbit/s in bytes of payload a second.
const AIR: f64 = 10e6;

/// Students at one access point, of a class whose wires are gigabit.
fn cell(students: usize, stations: impl IntoIterator<Item = usize>) -> Scenario {
    let mut scenario = Scenario::new(students, 16 * MIB, GIGABIT);
    scenario.cells = vec![Cell {
        rate: AIR,
        stations: stations.into_iter().collect(),
    }];
    scenario
}

fn run(scenario: &Scenario) -> Report {
    let report = scenario.run();
    assert_eq!(report.violations, Vec::<String>::new());
    report
}

#[track_caller]
fn within(report: &Report, bound: f64) {
    let ratio = report.ratio();
    assert!(ratio <= bound, "last student at {ratio:.3}, bound {bound}");
}

#[test]
fn one_station_gets_a_set_at_the_speed_of_the_air() {
    within(&run(&cell(1, [1])), 1.05);
}

#[test]
fn a_copy_from_a_station_to_another_crosses_the_air_twice() {
    let report = run(&cell(1, 0..=1));
    within(&report, 1.10);
    let copies = report.crossed[0] / report.bytes as f64;
    assert!((2.0..2.2).contains(&copies), "{copies:.2}");
}

#[test]
fn a_wireless_class_of_a_wireless_teacher() {
    within(&run(&cell(24, 0..=24)), 1.1);
}

/// The ratio holds whatever chance does; gives the last report.
#[track_caller]
fn within_always(scenario: &Scenario, bound: f64) -> Report {
    let mut scenario = scenario.clone();
    let mut run = |seed| {
        scenario.seed = seed;
        let report = run(&scenario);
        within(&report, bound);
        report
    };
    run(1);
    run(2);
    run(3)
}

/// So many cells of the same size, with a teacher on a wire.
fn cells(count: usize, size: usize) -> Scenario {
    let mut scenario = cell(count * size, []);
    let stations = |cell: usize| (cell * size + 1..=(cell + 1) * size).collect();
    scenario.cells = (0..count)
        .map(|cell| Cell {
            rate: AIR,
            stations: stations(cell),
        })
        .collect();
    scenario
}

/// Copies of the set that crossed the air of the first cell.
fn crossed(report: &Report) -> f64 {
    report.crossed[0] / report.bytes as f64
}

#[test]
fn one_cell_of_a_wired_teacher_gets_one_copy_for_each_student() {
    let report = within_always(&cell(24, 1..=24), 1.2);
    assert!(crossed(&report) < 26.0, "{:.2}", crossed(&report));
    let one_copy = report.one_copy.unwrap() / report.bound;
    assert!(one_copy < 0.15, "one copy is out at {one_copy:.2}");
}

#[test]
fn a_small_cell_of_a_wired_teacher() {
    let mut scenario = cell(6, 1..=6);
    scenario.bytes = 8 * MIB;
    scenario.cells[0].rate = AIR / 2.0;
    within_always(&scenario, 1.15);
}

#[test]
fn a_cell_that_loses_packets() {
    let mut scenario = cell(24, 1..=24);
    scenario.loss = 0.01;
    within_always(&scenario, 1.2);
}

#[test]
fn wireless_students_fetch_from_those_on_wires() {
    let report = within_always(&cell(24, 13..=24), 1.05);
    assert!(crossed(&report) < 12.8, "{:.2}", crossed(&report));
    let wired = report.students.iter().filter(|s| s.host <= 12);
    let last = wired.map(|s| s.time.unwrap()).fold(0.0, f64::max);
    let copies = last / report.copy_time;
    assert!(copies < 3.0, "wires took the time of {copies:.2} copies");
}

#[test]
fn the_only_wireless_student_of_a_class() {
    within_always(&cell(24, 24..=24), 1.05);
}

#[test]
fn a_wireless_teacher_gives_to_wires_and_these_give_to_its_cell() {
    let stations = std::iter::once(0).chain(13..=24);
    let report = within_always(&cell(24, stations), 1.15);
    assert!(crossed(&report) < 14.5, "{:.2}", crossed(&report));
}

#[test]
fn a_class_of_two_cells() {
    within_always(&cells(2, 12), 1.15);
}

#[test]
fn a_class_on_wires_that_calls_itself_wireless() {
    let mut scenario = Scenario::new(24, 128 * MIB, AIR);
    scenario.mislabelled = (1..=24).collect();
    within(&run(&scenario), 1.2);
}

/// The teacher alone would take four times as long as the air takes to bring a copy to each; students
/// who help cross it twice.
#[test]
fn cells_that_are_faster_than_the_wire_of_the_teacher_help() {
    let mut scenario = cells(4, 6);
    scenario.bytes = 64 * MIB;
    scenario.rate = AIR;
    let report = within_always(&scenario, 2.5);
    assert!(report.copies() < 2.0, "{:.2} copies", report.copies());
}

/// From then on, each copy crosses the air twice.
#[test]
fn the_teacher_of_a_cell_vanishes_after_one_copy() {
    let mut scenario = cell(24, 1..=24);
    scenario.dying = vec![(0, 45.0)];
    let report = within_always(&scenario, 2.2);
    let (out, gone) = (report.one_copy.unwrap(), 45.0 * report.copy_time);
    assert!(
        out < gone,
        "one copy is out at {out:.1} s, not before {gone:.1}"
    );
}

#[test]
fn the_teacher_vanishes_and_wires_go_on_giving() {
    let mut scenario = cell(24, 13..=24);
    scenario.dying = vec![(0, 20.0)];
    let report = within_always(&scenario, 1.1);
    assert!(crossed(&report) < 13.0, "{:.2}", crossed(&report));
}
