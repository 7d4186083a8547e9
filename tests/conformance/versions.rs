//! Published vectors of dpkg, rpm and apk against our orders. Reads `../shared/data/versions`.

use std::cmp::Ordering;
use std::path::Path;

use daicho_proto::versions::{Manager, compare};

fn vectors(file: &str) -> Option<Vec<Vec<String>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/versions").join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{} is missing", path.display());
        eprintln!("skipped: {} is not there", path.display());
        return None;
    };
    Some(text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect())
}

fn check(manager: Manager, file: &str, agrees: impl Fn(&str, &str, &str, Ordering) -> bool, swapped: bool) {
    let Some(rows) = vectors(file) else { return };
    let mut wrong = Vec::new();
    for row in &rows {
        let [first, second, third] = row.as_slice() else { panic!("{file}: {row:?} has not three columns") };
        let (a, b, expected) = if swapped { (first, third, second) } else { (first, second, third) };
        match compare(manager, a, b) {
            Ok(order) if agrees(a, b, expected, order) => {}
            other => wrong.push(format!("{a} {expected} {b}: {other:?}")),
        }
    }
    println!("{file}: {} of {} agree", rows.len() - wrong.len(), rows.len());
    assert!(!rows.is_empty() && wrong.is_empty(), "{file}: {wrong:#?}");
}

fn signs(_: &str, _: &str, expected: &str, order: Ordering) -> bool {
    expected
        == match order {
            Ordering::Less => "<",
            Ordering::Equal => "=",
            Ordering::Greater => ">",
        }
}

fn numbers(_: &str, _: &str, expected: &str, order: Ordering) -> bool {
    expected == (order as i8).to_string()
}

#[test]
fn dpkg_agrees_with_its_own_suite() {
    check(Manager::Dpkg, "deb-dpkg-perl.tsv", signs, true);
}

#[test]
fn dpkg_agrees_with_go_deb_version() {
    let less = |_: &str, _: &str, expected: &str, order: Ordering| expected == order.is_lt().to_string();
    check(Manager::Dpkg, "deb-go-deb-version-lessthan.tsv", less, false);
}

#[test]
fn rpm_agrees_with_its_own_suite() {
    check(Manager::Rpm, "rpm-rpmvercmp.tsv", numbers, false);
}

#[test]
fn rpm_keeps_its_oddities() {
    check(Manager::Rpm, "rpm-rpmvercmp-oddities.tsv", numbers, false);
}

#[test]
fn apk_agrees_with_its_own_suite() {
    check(Manager::Apk, "apk-version.tsv", signs, true);
}
