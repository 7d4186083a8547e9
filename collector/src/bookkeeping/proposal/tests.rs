//! Drafts of a group.

use daicho_proto::facts::{Look, Software};
use daicho_rules::record::Held;

use super::*;

const GROUP: &str = "病棟端末";

fn noon() -> Timestamp {
    "2026-11-22T03:00:00Z".parse().unwrap()
}

fn row(device_id: &str, group: &str, status: DeviceStatus) -> Device {
    let (device_id, group) = (device_id.to_owned(), Some(group.to_owned()));
    Device { device_id, group, status, ..Device::default() }
}

fn looked(device_id: &str, programs: &[&str]) -> Looked {
    let program = |name: &&str| Software { name: (*name).to_owned(), ..Software::default() };
    let look = Look::complete(programs.iter().map(program).collect());
    let software = Some(Held { look, observed_at: noon(), observation: None });
    let record = EndpointRecord { software, last_heard: Some(noon()), ..EndpointRecord::default() };
    let device = Some(row(device_id, GROUP, DeviceStatus::InUse));
    Looked { device, record, name: device_id.to_owned() }
}

/// Four machines that report (the first of them twice), one that does not, a retired one, and one of another group.
fn ward(at_least: Option<usize>) -> Proposal {
    let in_use = ["PC-01", "PC-02", "PC-03", "PC-04", "PC-05"];
    let mut devices: Vec<Device> = in_use.iter().map(|id| row(id, GROUP, DeviceStatus::InUse)).collect();
    devices.push(row("PC-06", GROUP, DeviceStatus::Retired));
    devices.push(row("PC-07", "外来端末", DeviceStatus::InUse));
    let machines = [
        looked("PC-04", &["院内ツールA", "院内ツールC"]),
        looked("PC-01", &["院内ツールA", "院内ツールB", "院内ツールC"]),
        looked("PC-01", &["院内ツールA", "院内ツールB"]),
        looked("PC-02", &["院内ツールA", "院内ツールB", "院内ツールD"]),
        looked("PC-03", &["院内ツールA", "院内ツールB"]),
    ];
    let asked = Asked::Group { name: GROUP.to_owned(), at_least };
    draft(&Ledger { devices, ..Ledger::default() }, &machines, &asked, noon())
}

/// Scope, name and count of each draft of a program.
fn drafts(ledger: &Ledger) -> Vec<(Scope, &str, &str)> {
    let counted = |program: &ApprovedProgram| {
        let count = program.extra.iter().position(|(heading, _)| heading == "見つかった台数").unwrap();
        program.extra[count].1.clone()
    };
    let counts = ["1/4", "2/4", "3/4", "4/4"];
    let count = |program| *counts.iter().find(|known| **known == counted(program)).unwrap();
    ledger.software.iter().map(|row| (row.device.clone(), row.name.as_str(), count(row))).collect()
}

fn of_group<'a>(name: &'a str, count: &'a str) -> (Scope, &'a str, &'a str) {
    (Scope::Group(GROUP.to_owned()), name, count)
}

fn of_device<'a>(device: &str, name: &'a str, count: &'a str) -> (Scope, &'a str, &'a str) {
    (Scope::Device(device.to_owned()), name, count)
}

#[test]
fn what_enough_machines_have_is_drafted_for_the_group_and_the_rest_machine_by_machine() {
    let proposal = ward(Some(3));
    assert_eq!(drafts(&proposal.common), [of_group("院内ツールA", "4/4"), of_group("院内ツールB", "3/4")]);
    assert_eq!(
        drafts(&proposal.rare),
        [
            of_device("PC-01", "院内ツールC", "2/4"),
            of_device("PC-02", "院内ツールD", "1/4"),
            of_device("PC-04", "院内ツールC", "2/4"),
        ]
    );
    let all = proposal.common.software.iter().chain(&proposal.rare.software);
    assert!(all.clone().all(|draft| draft.approved_by.is_none()), "a draft approves nothing");
}

#[test]
fn the_number_asked_for_draws_the_line_and_without_one_it_is_half() {
    let common = |at_least| ward(at_least).common.software.len();
    assert_eq!([Some(1), Some(2), Some(3), Some(4), Some(5), None].map(common), [4, 3, 2, 1, 0, 3]);
    let rare = |at_least| ward(at_least).rare.software.len();
    assert_eq!([Some(1), Some(5)].map(rare), [0, 10], "whatever is not the group's is a machine's");
}

#[test]
fn machines_in_use_of_which_nothing_is_known_are_named() {
    let proposal = ward(Some(3));
    assert_eq!(proposal.devices, ["PC-01", "PC-02", "PC-03", "PC-04"]);
    assert_eq!(proposal.unseen, ["PC-05"], "neither the retired one nor another group's");
}
