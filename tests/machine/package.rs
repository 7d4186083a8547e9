//! The packages on a real machine: from the first installation to the purge.

use daicho_tests::packages::build;
use daicho_tests::site::Site;
use daicho_tests::virtual_machine::VirtualMachine;
use serde_json::Value;

/// What `systemd-analyze security` may say at most: 0 is shut, 10 is open. The agent has to see what it tells of.
const AGENT_EXPOSURE_MAX: f64 = 2.0;
const COLLECTOR_EXPOSURE_MAX: f64 = 1.5;

/// All that the agent's package, its service and its user leave on a disk carries this name.
const TRACES: &str = "find / -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /root \\) -prune -o -name '*daicho*' -print | sort";

fn is_active(machine: &VirtualMachine, unit: &str) -> bool {
    machine.try_run(&format!("systemctl --quiet is-active {unit}")).status.success()
}

fn wait_until_active(machine: &VirtualMachine, what: &str) {
    machine.until(what, "systemctl --quiet is-active daicho-agent");
}

fn main_process(machine: &VirtualMachine) -> String {
    machine.run("systemctl show -P MainPID daicho-agent")
}

fn exposure(machine: &VirtualMachine, unit: &str) -> f64 {
    let said = machine.run(&format!("systemd-analyze security --no-pager {unit} | tail -n 1"));
    println!("{}", said.trim());
    let number = said.split_once(": ").and_then(|(_, rest)| rest.split(' ').next());
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no number in {said:?}"))
}

/// All that the agent owns is its user's, so that it can renew, spool and tell how it is.
fn assert_owned_by_the_agent(machine: &VirtualMachine) {
    let others = machine.run("find /var/lib/daicho-agent ! -user daicho-agent");
    assert_eq!(others, "", "the agent's folder holds what is not the agent's");
}

#[test]
fn the_agent_is_installed_joined_booted_upgraded_downgraded_removed_and_purged() {
    let Some(machine) = VirtualMachine::boot() else { return };
    let site = Site::start("");
    let folder = machine.folder();
    let first = build(&folder, "0.1.0", &["deb", "agent"]).remove(0);
    let next = build(&folder, "0.2.0", &["deb", "agent"]).remove(0);

    let said = machine.install_package(&first);
    assert!(said.contains("daicho-agent enrol --collector HOST:7443 --token-file -"), "{said}");
    assert!(!is_active(&machine, "daicho-agent.service") && is_active(&machine, "daicho-agent.path"));
    assert_eq!(machine.run("systemctl is-enabled daicho-agent.service"), "enabled\n");
    machine.run("systemctl start daicho-agent");
    let failed = machine.run("systemctl --failed --plain --no-legend");
    assert!(!failed.contains("daicho"), "an agent that has not joined is no failure: {failed}");

    machine.enrol(&site);
    wait_until_active(&machine, "the agent to start by itself once it joined");
    assert_owned_by_the_agent(&machine);
    assert!(exposure(&machine, "daicho-agent") <= AGENT_EXPOSURE_MAX);
    assert_eq!(machine.run("systemctl show -P WatchdogUSec -P Type daicho-agent"), "notify\n1min\n");
    the_service_sees_what_root_sees(&machine, &site);

    machine.reboot();
    wait_until_active(&machine, "the agent to start at boot");

    machine.run("sed -i '1i log_level = \"debug\"' /etc/daicho/agent.toml");
    let config = machine.run("cat /etc/daicho/agent.toml");
    for (package, what) in [(&next, "upgrade"), (&first, "downgrade")] {
        let before = main_process(&machine);
        let said = machine.install_package(package);
        assert!(!said.contains("has not joined"), "{said}");
        wait_until_active(&machine, &format!("the agent after its {what}"));
        assert_ne!(before, main_process(&machine), "an {what} restarts the agent");
        assert_eq!(config, machine.run("cat /etc/daicho/agent.toml"), "an {what} keeps the configuration");
        assert_owned_by_the_agent(&machine);
    }

    machine.run("systemctl stop daicho-agent");
    machine.run("mv /var/lib/daicho-agent/identity /root/identity");
    assert!(!is_active(&machine, "daicho-agent.service"), "who stops the agent is obeyed");
    machine.enrol(&site);
    wait_until_active(&machine, "the agent to start when it joined anew");
    assert_owned_by_the_agent(&machine);

    machine.run("systemctl disable --now daicho-agent.service");
    machine.install_package(&next);
    assert!(!is_active(&machine, "daicho-agent.service"), "an upgrade obeys who disabled the agent");
    machine.run("systemctl enable --now daicho-agent.service");

    machine.run("dpkg -r daicho-agent 2>&1");
    assert!(!is_active(&machine, "daicho-agent.service") && !is_active(&machine, "daicho-agent.path"));
    machine.run("test ! -e /usr/bin/daicho-agent && test -e /var/lib/daicho-agent/identity/credential.pem");
    assert_eq!(config, machine.run("cat /etc/daicho/agent.toml"), "a removal keeps the configuration");
    machine.install_package(&first);
    wait_until_active(&machine, "the agent that was removed and is back");

    machine.run("dpkg -r daicho-agent 2>&1 && dpkg -P daicho-agent 2>&1");
    assert_eq!(machine.run(TRACES), "", "a purge leaves nothing on the disk");
    let user = machine.run("getent passwd daicho-agent && passwd -S daicho-agent");
    assert!(user.contains("nologin") && user.contains(" L "), "the user stays, shut: {user}");
}

/// Under all its restrictions the agent tells what `collect` tells as root, and meets the same problems.
fn the_service_sees_what_root_sees(machine: &VirtualMachine, site: &Site) {
    machine.wait_until_told();
    // A machine that no ledger lists is shown by its own name.
    let seen = &site.daicho_json(&["device", "machine1"])["seen"][0];
    let by_service = &seen["observation"];
    let by_root: Value =
        serde_json::from_str(&machine.run("daicho-agent collect 2>/dev/null")).expect("collect prints JSON");
    let mut differ = Vec::new();
    for (subject, of_root) in by_root.as_object().expect("a document") {
        let of_service = &by_service[subject];
        if matches!(subject.as_str(), "schema" | "observed_at" | "services" | "updates_as_of")
            || of_root == of_service
        {
            continue;
        }
        differ.push(format!("{subject}\n  root:    {of_root}\n  service: {of_service}"));
    }
    // Of services only what does not change from moment to moment: their names.
    let names = |document: &Value| -> Vec<String> {
        let all = document["services"].as_array().cloned().unwrap_or_default();
        let units = all.iter().filter(|service| service["manager"] == "systemd");
        units.map(|service| service["name"].to_string()).collect()
    };
    if names(&by_root) != names(by_service) {
        differ.push(format!("services: {:?} {:?}", names(&by_root), names(by_service)));
    }
    assert!(differ.is_empty(), "root (collect) and the service see differently:\n{}", differ.join("\n"));
}

#[test]
fn the_collector_is_installed_made_served_upgraded_and_its_evidence_outlives_a_purge() {
    let Some(machine) = VirtualMachine::boot() else { return };
    let folder = machine.folder();
    let package = build(&folder, "0.1.0", &["deb", "collector"]).remove(0);
    let said = machine.install_package(&package);
    assert!(said.contains("daicho-collector init --name HOST && systemctl start daicho-collector"), "{said}");
    assert!(!is_active(&machine, "daicho-collector"));
    machine.run("daicho-collector init --name localhost && systemctl start daicho-collector");
    assert_eq!(machine.run("systemctl show -P WatchdogUSec -P Type daicho-collector"), "notify\n1min\n");
    assert!(exposure(&machine, "daicho-collector") <= COLLECTOR_EXPOSURE_MAX);
    // What root orders while the collector rests must not shut the collector out afterwards.
    machine.run("daicho-collector token && systemctl stop daicho-collector && daicho-collector token");
    machine.run("systemctl start daicho-collector && daicho-collector token");
    let before = machine.run("systemctl show -P MainPID daicho-collector");
    machine.install_package(&package);
    machine.until("the collector after its upgrade", "systemctl --quiet is-active daicho-collector");
    assert_ne!(before, machine.run("systemctl show -P MainPID daicho-collector"));
    machine.reboot();
    machine.until("the collector after a boot", "systemctl --quiet is-active daicho-collector");
    machine.run("daicho-collector token");
    let said = machine.run("dpkg -P daicho-collector 2>&1");
    assert!(said.contains("evidence and authority stay in /var/lib/daicho-collector"), "{said}");
    let left = "/var/lib/daicho-collector\n";
    assert_eq!(machine.run(TRACES), left, "a purge leaves the evidence and nothing else");
}
