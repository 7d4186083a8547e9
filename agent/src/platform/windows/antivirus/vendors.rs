//! Products of others, known by the service that watches. When their patterns are from, none of them tells in a way that
//! its maker documents, so that stays unknown.

use super::super::reading::Reading;
use super::super::registry::Hive;

const SERVICES: &str = "CurrentControlSet\\Services";

/// Services by name, a `*` at the end standing for a version, and whose they are.
const VENDORS: &[(&str, &str)] = &[
    ("Amsp", "Trend Micro"),
    ("avast! Antivirus", "Avast"),
    ("AntiVirService", "Avira"),
    ("AVG Antivirus", "AVG"),
    ("AVKWCtl", "G DATA"),
    ("AVP*", "Kaspersky"),
    ("CbDefense", "Carbon Black Cloud"),
    ("ClamD", "ClamAV"),
    ("CSFalconService", "CrowdStrike Falcon"),
    ("CybereasonActiveProbe", "Cybereason"),
    ("CylanceSvc", "Cylance"),
    ("cyserver", "Cortex XDR"),
    ("ds_agent", "Trend Micro Deep Security"),
    ("ekrn", "ESET"),
    ("EPProtectedService", "Bitdefender"),
    ("EPSecurityService", "Bitdefender"),
    ("fshoster", "WithSecure"),
    ("McShield", "Trellix"),
    ("mfemms", "Trellix"),
    ("ntrtscan", "Trend Micro Apex One"),
    ("SAVService", "Sophos"),
    ("SentinelAgent", "SentinelOne"),
    ("SepMasterService", "Symantec Endpoint Protection"),
    ("Sophos Endpoint Defense Service", "Sophos"),
    ("WRSVC", "Webroot"),
];

/// The services of known products that are installed, and whose they are.
pub(super) fn installed(reading: &mut Reading<'_>) -> Vec<(String, &'static str)> {
    let names = reading.keys(&Hive::System, SERVICES).unwrap_or_default();
    let known = |name: &String| {
        let (_, product) = VENDORS.iter().find(|(pattern, _)| fits(pattern, name))?;
        Some((name.clone(), *product))
    };
    names.iter().filter_map(known).collect()
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        // `AVP`, `AVP21.3`, `AVP.KES.21.15`: behind the letters no other word begins.
        Some(stem) => {
            let begins = name.get(..stem.len()).is_some_and(|start| start.eq_ignore_ascii_case(stem));
            begins && !name[stem.len()..].starts_with(|c: char| c.is_alphabetic())
        }
        None => pattern.eq_ignore_ascii_case(name),
    }
}

#[test]
fn a_version_is_no_other_word() {
    assert!(fits("AVP*", "AVP21.3") && fits("AVP*", "avp.KES.21.15") && fits("AVP*", "AVP"));
    assert!(!fits("AVP*", "AVPNet") && !fits("ekrn", "ekrnEpfw") && !fits("AVP*", "日本"));
}
