//! A PC joins; another with the same token does not.

use daicho_tests::programs::expect;

use crate::hospital::Hospital;

#[test]
fn a_token_for_one_pc_lets_in_no_second() {
    let Some(hospital) = Hospital::open() else { return };
    let token = hospital.site.token();
    for (data, expected) in [(r"C:\first", 0), (r"C:\second", 2)] {
        let mut enrol = hospital.pc.agent();
        enrol.args(["enrol", "--collector", &hospital.address(), "--token", &token, "--data", data]);
        expect(&hospital.pc.run(&enrol), expected);
    }
}
