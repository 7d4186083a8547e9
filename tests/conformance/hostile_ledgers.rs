//! Ledgers that mean harm: each is refused with a sentence, or read where that is right, and never takes much memory.

use daicho_tests::hostile;

#[test]
fn no_ledger_can_exhaust_the_machine_on_which_it_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let all = hostile::make(folder.path());
    let mut wrong = Vec::new();
    for ledger in &all {
        let (measured, told, complaint) = hostile::read(folder.path(), ledger);
        let (seconds, megabytes) = (measured.seconds, measured.peak_megabytes);
        println!("{:<26} {seconds:>5.1} s {megabytes:>4.0} MB  {told}", ledger.file);
        wrong.extend(complaint.map(|complaint| format!("{} {complaint}", ledger.file)));
    }
    println!("{} hostile ledgers, {} wrong", all.len(), wrong.len());
    assert!(all.len() >= 40 && wrong.is_empty(), "{}", wrong.join("\n"));
}
