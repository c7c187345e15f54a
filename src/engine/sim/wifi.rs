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

#[test]
fn a_class_of_two_cells() {
    let mut scenario = cell(24, 1..=12);
    scenario.cells.push(Cell {
        rate: AIR,
        stations: (13..=24).collect(),
    });
    within(&run(&scenario), 2.5);
}

#[test]
fn a_class_on_wires_that_calls_itself_wireless() {
    let mut scenario = Scenario::new(24, 128 * MIB, AIR);
    scenario.mislabelled = (1..=24).collect();
    within(&run(&scenario), 1.2);
}
