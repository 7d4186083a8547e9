//! What the service control manager says, through `sc`.

use std::fs;

use crate::programs::until_within;

use super::{PATIENCE, Wine, prefix};

impl Wine {
    /// The state of a service as `sc query` prints it (`RUNNING`, `STOPPED`, ...); `None`: there is no such service.
    pub fn service_state(&self, name: &str) -> Option<String> {
        state(&self.said("sc", &["query", name]))
    }

    /// Waits until a service is in this state.
    pub fn wait_for_service(&self, name: &str, wanted: &str) {
        until_within(PATIENCE, &format!("the service {name} to be {wanted}"), || {
            (self.service_state(name).as_deref() == Some(wanted)).then_some(())
        });
    }

    /// Installs a service of this name that does nothing until it is stopped, and starts by hand.
    pub fn install_stranger(&self, name: &str) {
        let program = self.place(r"C:\Program Files\Helper").join(prefix::STRANGER);
        fs::create_dir_all(program.parent().expect("its folder")).expect("a temporary folder can be written");
        fs::copy(prefix::template().with_file_name(prefix::STRANGER), program)
            .expect("made with the template");
        let mut command = self.command("sc");
        let path = format!(r#""C:\Program Files\Helper\{}""#, prefix::STRANGER);
        command.args(["create", name, "binPath=", &path, "start=", "demand"]);
        let output = self.run(&command);
        assert!(output.status.success(), "{command:?}: {output:?}");
    }

    /// Asks the service control manager to start or stop a service.
    pub fn order(&self, order: &str, name: &str) {
        let mut command = self.command("sc");
        let output = self.run(command.args([order, name]));
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "sc {order} {name} ends with {}:\n{said}", output.status);
    }
}

fn state(said: &str) -> Option<String> {
    let line = said.lines().find_map(|line| line.trim().strip_prefix("STATE"))?;
    line.split_whitespace().last().map(str::to_owned)
}

#[test]
fn what_sc_prints_is_understood() {
    let said = "SERVICE_NAME: Spooler\n        TYPE               : 110  \n        STATE              : 1  STOPPED\n        \
                WIN32_EXIT_CODE    : 1077  (0x435)\n";
    assert_eq!(state(said).as_deref(), Some("STOPPED"));
    assert_eq!(state("[SC] 1060\n"), None);
}
