//! Each kind of disagreement is told, and agreement is not.

use serde_json::json;

use super::*;

const TOOLS: &str = "\
=== today
2026-11-22
=== passwd
root:x:0:0:root:/root:/bin/bash
alice:x:1001:1001:Alice Sato,,,:/home/alice:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
=== shells
# /etc/shells
/bin/sh
/bin/bash
=== people
1000
=== status
root L 2026-11-22 0 99999 7 -1
alice P 2026-11-20 0 90 7 -1
daemon L 2026-11-22 0 99999 7 -1
=== chage
# root
Last password change\t\t: 2026-11-22
Password expires\t\t: never
Account expires\t\t: never
# alice
Last password change\t\t: 2026-11-20
Password expires\t\t: 2027-02-18
Account expires\t\t: 2026-12-31
# daemon
Last password change\t\t: 2026-11-22
Account expires\t\t: never
=== groups
root root
alice alice sudo
daemon daemon
=== sudo
root
alice
=== keys
root
=== lastlog
Username  Port  From  Latest
root  **Never logged in**
alice  pts/0  10.0.2.2  Sun Nov 22 20:02:11 +0000 2026
daemon  **Never logged in**
=== last
alice  pts/0  10.0.2.2  2026-11-22T20:02:11+00:00   still logged in
reboot  system boot  6.1.0  2026-11-22T19:00:00+00:00   still running
=== journal
alice 2026-11-22T20:02:09.500000+00:00
=== packages
ii \tadduser\t3.134\tall\tadduser\t3.134
ii \tlibssl3\t3.0.15-1\tamd64\topenssl\t3.0.15-1
rc \tgone\t1.0\tall\tgone\t1.0
=== files
ssh.service enabled enabled
cron.service masked enabled
=== show
ExecStart={ path=/usr/sbin/sshd ; argv[]=/usr/sbin/sshd -D ; ignore_errors=no }
Id=ssh.service
Description=OpenBSD Secure Shell server
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
TasksCurrent=3

Id=cron.service
Description=cron.service
LoadState=masked
ActiveState=inactive
FragmentPath=/lib/systemd/system/cron.service
SubState=dead
UnitFileState=disabled
TasksCurrent=[not set]

Id=ssh.service
Description=The same, asked for as sshd.service
LoadState=loaded
ActiveState=active

Id=syslog.service
LoadState=not-found
ActiveState=inactive
=== sockets
tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=300,fd=3))
tcp LISTEN 0 128 [::]:22 [::]:* users:((\"sshd\",pid=300,fd=4))
udp UNCONN 0 0 10.0.2.15%eth0:68 0.0.0.0:* users:((\"dhclient\",pid=400,fd=4))
=== jobs
/etc/cron.daily/dpkg
=== owners
  300 ssh.service /usr/sbin/sshd
  400 session-1.scope /usr/sbin/dhclient
=== end
";

fn document() -> Value {
    let account = |name: &str, id: &str, full_name: &str| {
        json!({
            "name": name, "id": id, "full_name": full_name, "enabled": true, "interactive": true,
            "privileged": true, "privilege_sources": ["uid 0"], "last_login": { "state": "never", "at": null, "source": "lastlog" },
            "password": { "state": "locked", "changed_at": "2026-11-22T00:00:00Z", "expires_at": null },
            "expires_at": null, "shell": "/bin/bash", "system": true,
        })
    };
    let mut alice = account("alice", "1001", "Alice Sato");
    alice["privilege_sources"] = json!(["group sudo", "/etc/sudoers"]);
    alice["last_login"] = json!({ "state": "at", "at": "2026-11-22T20:02:09.5Z", "source": "journal" });
    alice["password"] =
        json!({ "state": "set", "changed_at": "2026-11-20T00:00:00Z", "expires_at": "2027-02-18T00:00:00Z" });
    alice["system"] = json!(false);
    alice["expires_at"] = json!("2026-12-31T00:00:00Z");
    let mut daemon = account("daemon", "1", "daemon");
    for field in ["enabled", "interactive", "privileged"] {
        daemon[field] = json!(false);
    }
    daemon["privilege_sources"] = json!([]);
    daemon["shell"] = json!("/usr/sbin/nologin");
    let service = |name: &str, running: bool, start: &str, state: &str| {
        json!({
            "name": name, "manager": "systemd", "running": running, "start": start, "description": null,
            "binary": null, "listening": [], "state": state, "file_state": start,
        })
    };
    let mut ssh = service("ssh.service", true, "enabled", "active (running)");
    ssh["description"] = json!("OpenBSD Secure Shell server");
    ssh["binary"] = json!("/usr/sbin/sshd");
    // Not loaded: it has no state.
    let mut cron = service("cron.service", false, "masked", "");
    cron["state"] = Value::Null;
    cron["source"] = json!("/usr/lib/systemd/system/cron.service");
    ssh["listening"] = json!(["tcp/0.0.0.0:22", "tcp/[::]:22"]);
    json!({
        "accounts": [account("root", "0", "root"), alice, daemon],
        "packages": [
            { "manager": "dpkg", "name": "adduser", "version": "3.134", "architecture": "all",
              "source_name": null, "source_version": null },
            { "manager": "dpkg", "name": "libssl3", "version": "3.0.15-1", "architecture": "amd64",
              "source_name": "openssl", "source_version": null },
        ],
        "services": [
            ssh,
            cron,
            { "manager": "process", "name": "dhclient", "running": true, "binary": "/usr/sbin/dhclient", "start": "unknown",
              "listening": ["udp/10.0.2.15:68"] },
            { "manager": "process", "name": "cron.daily:dpkg", "running": null, "start": "enabled",
              "source": "/etc/cron.daily/dpkg" },
        ],
    })
}

fn check(subject: Subject, change: impl Fn(&mut Value), expected: &[(&str, &str, &str, &str)]) {
    let mut document = document();
    change(&mut document);
    let found = differences(subject, &document, &Tools::parse(TOOLS));
    let found: Vec<_> = found
        .iter()
        .map(|it| (it.row.as_str(), it.field.as_str(), it.daicho.as_str(), it.tools.as_str()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn what_is_the_same_is_no_difference() {
    for subject in [Subject::Accounts, Subject::Packages, Subject::Services] {
        check(subject, |_| {}, &[]);
    }
}

#[test]
fn a_row_that_one_side_does_not_have_is_told() {
    let remove = |document: &mut Value| drop(document["accounts"].as_array_mut().unwrap().pop());
    check(Subject::Accounts, remove, &[("accounts daemon", "row", "not there", "there")]);
    let removed_only = |document: &mut Value| {
        document["packages"][0]["name"] = json!("gone");
    };
    let expected = [
        ("packages adduser:all", "row", "not there", "there"),
        ("packages gone:all", "row", "there", "not there"),
    ];
    check(Subject::Packages, removed_only, &expected);
}

#[test]
fn each_field_is_compared() {
    check(
        Subject::Accounts,
        |document| {
            document["accounts"][1]["enabled"] = json!(false);
            document["accounts"][1]["last_login"]["at"] = json!("2026-11-22T19:02:11Z");
            document["accounts"][2]["password"]["state"] = json!("none");
        },
        &[
            ("accounts alice", "enabled", "false", "true"),
            (
                "accounts alice",
                "last_login",
                r#"{"at":"2026-11-22T19:02:11Z","state":"at"}"#,
                r#"{"at":"2026-11-22T20:02:11Z","state":"at"}"#,
            ),
            (
                "accounts daemon",
                "password",
                r#"{"changed_at":"2026-11-22T00:00:00Z","expires_at":null,"state":"none"}"#,
                r#"{"changed_at":"2026-11-22T00:00:00Z","expires_at":null,"state":"locked"}"#,
            ),
        ],
    );
    check(
        Subject::Services,
        |document| {
            document["services"][0]["listening"] = json!(["tcp/0.0.0.0:22"]);
            document["services"][1]["start"] = json!("disabled");
        },
        &[
            ("services systemd cron.service", "start", r#""disabled""#, r#""masked""#),
            (
                "services systemd ssh.service",
                "listening",
                r#"["tcp/0.0.0.0:22"]"#,
                r#"["tcp/0.0.0.0:22","tcp/[::]:22"]"#,
            ),
        ],
    );
}

#[test]
fn a_field_that_no_tool_is_asked_for_is_a_difference() {
    let add = |document: &mut Value| document["packages"][0]["held"] = json!(true);
    check(Subject::Packages, add, &[("packages adduser:all", "held", "true", "nothing")]);
}

#[test]
fn the_table_has_a_line_for_each_difference() {
    let one = |row: &str, field: &str| Difference {
        row: row.to_owned(),
        field: field.to_owned(),
        daicho: "1".to_owned(),
        tools: "2".to_owned(),
    };
    let text = table(&[one("accounts alice", "enabled"), one("packages x", "row")]);
    assert_eq!(
        text,
        "row             field    daicho  tools\naccounts alice  enabled  1       2\npackages x      row      1       2\n"
    );
}
