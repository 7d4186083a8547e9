//! Which PAM services are a person at the door: a terminal, a desktop, SSH. What runs for somebody, or lets root become
//! somebody, is no login of that account's owner.

/// Services that open sessions without anybody coming in.
const NO_LOGINS: &[&str] = &[
    "atd",
    "at",
    "cron",
    "crond",
    "anacron",
    "su",
    "su-l",
    "sudo",
    "sudo-i",
    "doas",
    "runuser",
    "runuser-l",
    "pkexec",
    "polkit-1",
    "run0",
    "systemd-run0",
    "systemd-user",
    "systemd-nspawn",
    "gdm-launch-environment",
    "lightdm-greeter",
    "sddm-greeter",
];

/// Whether a session of this service is a login.
pub(super) fn is_login(service: &str) -> bool {
    !NO_LOGINS.contains(&service)
}
