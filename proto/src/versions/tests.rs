//! Cases of our own; the published vectors run in tests/conformance/versions.rs.

use super::{Manager, compare};

fn check(manager: Manager, a: &str, expected: char, b: &str) {
    let sign = |a, b| match compare(manager, a, b) {
        Ok(order) => ['<', '=', '>'][usize::try_from(order as i8 + 1).unwrap()],
        Err(_) => '!',
    };
    assert_eq!(sign(a, b), expected, "{manager:?}: {a} {expected} {b}");
    let mirrored = match expected {
        '<' => '>',
        '>' => '<',
        same => same,
    };
    assert_eq!(sign(b, a), mirrored, "{manager:?}: {b} {mirrored} {a}");
}

#[test]
fn dpkg_orders_as_dpkg_does() {
    for (a, expected, b) in [
        ("1:1.0-1", '>', "9.9-9"),
        ("1.0~rc1-1", '<', "1.0-1"),
        ("3.0.11-1~deb12u2", '<', "3.0.11-1~deb12u10"),
        ("1.0-1+b1", '>', "1.0-1"),
        ("2.36-9+deb12u9", '<', "2.36-9+deb12u10"),
        (" 1.0 ", '=', "1.0"),
        ("18446744073709551616", '<', "18446744073709551617"),
        ("a", '>', "1"),
    ] {
        check(Manager::Dpkg, a, expected, b);
    }
}

#[test]
fn dpkg_refuses_what_dpkg_refuses() {
    for text in ["", "1 2", ":1", "1:", "x:1", "-1:1", "2147483648:1", "1-", "1:-1", "最新"] {
        check(Manager::Dpkg, text, '!', "1");
    }
}

#[test]
fn rpm_orders_labels() {
    for (a, expected, b) in [
        ("1:1.0-1", '>', "2.0-1"),
        ("0:1.0-1.el9", '=', "1.0-1.el9"),
        ("1.0-1.el9_4", '>', "1.0-1.el9"),
        ("1.0", '<', "1.0-1"),
        ("1.0~beta-1", '<', "1.0-1"),
        ("1.0^git2-1", '>', "1.0-9"),
        ("5.14.0-427.13.1.el9_4", '<', "5.14.0-427.40.1.el9_4"),
    ] {
        check(Manager::Rpm, a, expected, b);
    }
    for text in ["", "1:", "-1", "1.0-", "1 0", "1/0", "a:1"] {
        check(Manager::Rpm, text, '!', "1");
    }
}

#[test]
fn apk_orders_and_refuses() {
    for (a, expected, b) in [
        ("1.2.3-r0", '<', "1.2.3-r10"),
        ("1.01", '<', "1.1"),
        ("1.0_alpha", '<', "1.0"),
        ("1.0_p1", '>', "1.0"),
        ("1.0a", '>', "1.0"),
        ("1.0", '!', "1.0-foo"),
        ("1.0-foo", '!', "1.0-bar"),
        ("", '!', "1"),
        ("v1", '!', "1"),
    ] {
        check(Manager::Apk, a, expected, b);
    }
}

#[test]
fn windows_fills_missing_parts_with_zero() {
    for (a, expected, b) in [
        ("10.0", '=', "10.0.0.0"),
        ("10.0.19045.5011", '<', "10.0.19045.5131"),
        ("9", '<', "10"),
        ("1..2", '!', "1"),
        ("KB5034441", '!', "1"),
        ("", '!', "1"),
    ] {
        check(Manager::Windows, a, expected, b);
    }
}

#[test]
fn an_unknown_manager_is_none() {
    assert_eq!(Manager::parse("pacman"), None);
    for manager in [Manager::Dpkg, Manager::Rpm, Manager::Apk, Manager::Windows] {
        assert_eq!(Manager::parse(manager.name()), Some(manager));
    }
}

#[test]
fn no_text_makes_an_order_panic() {
    let mut chance = fastrand::Rng::with_seed(1);
    let letters: Vec<char> = "0019a.-_:~^+r zé新".chars().collect();
    for _ in 0..20_000 {
        let mut text =
            || (0..chance.usize(..9)).map(|_| letters[chance.usize(..letters.len())]).collect::<String>();
        let (a, b) = (text(), text());
        for manager in [Manager::Dpkg, Manager::Rpm, Manager::Apk, Manager::Windows] {
            let there = compare(manager, &a, &b);
            let back = compare(manager, &b, &a);
            // rpm's own oddity: a byte that is neither letter nor digit may leave both sides "newer".
            if manager != Manager::Rpm {
                assert_eq!(there.is_ok(), back.is_ok(), "{manager:?} {a:?} {b:?}");
                if let (Ok(there), Ok(back)) = (there, back) {
                    assert_eq!(there, back.reverse(), "{manager:?} {a:?} {b:?}");
                }
            }
        }
    }
}
