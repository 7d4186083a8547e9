//! Which media this machine shows now, and where they are mounted. No handle that is opened here may read or write, and
//! none stays open: a medium can be taken away at any moment.

use std::io;

use windows::Win32::Devices::Properties::{
    DEVPKEY_Device_FirstInstallDate, DEVPKEY_Device_LastArrivalDate, DEVPKEY_Device_LastRemovalDate,
};
use windows::Win32::System::Ioctl::{GUID_DEVINTERFACE_CDROM, GUID_DEVINTERFACE_DISK};

use crate::platform::windows::media::dates::Dates;
use crate::platform::windows::media::plugged::{Disk, Filling, Plugged, Running, instance_of};
use configuration::Configuration;

mod configuration;
pub(crate) mod notices;
mod volumes;

/// This machine's devices.
pub(crate) struct Devices;

impl Running for Devices {
    fn is_present(&self, instance: &str) -> io::Result<bool> {
        Ok(Configuration::load()?.find(instance, false)?.is_some())
    }

    fn dates(&self, instance: &str) -> Dates {
        let Ok(configuration) = Configuration::load() else { return Dates::default() };
        // Also of one that is not there any more.
        let Ok(Some(node)) = configuration.find(instance, true) else { return Dates::default() };
        Dates {
            installed: configuration.time(node, &DEVPKEY_Device_FirstInstallDate),
            arrived: configuration.time(node, &DEVPKEY_Device_LastArrivalDate),
            removed: configuration.time(node, &DEVPKEY_Device_LastRemovalDate),
        }
    }

    fn plugged(&self, may_ask: &dyn Fn(&str) -> bool) -> io::Result<Plugged> {
        let configuration = Configuration::load()?;
        let mut disks = Vec::new();
        for class in [GUID_DEVINTERFACE_DISK, GUID_DEVINTERFACE_CDROM] {
            for link in configuration.interfaces(&class)? {
                let Some(instance) = instance_of(&link) else { continue };
                let disk = volumes::open(&link);
                let number = disk.as_ref().and_then(volumes::number);
                let asked = disk.as_ref().filter(|_| may_ask(&instance));
                let filling = asked.map_or(Filling::Unasked, volumes::filling);
                disks.push(Disk { instance, number, filling });
            }
        }
        Ok(Plugged { disks, volumes: volumes::all() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_answers_or_says_that_it_cannot_and_never_panics() {
        let made_up = "USB\\VID_FFFF&PID_FFFF\\NO_SUCH_STICK";
        match Devices.is_present(made_up) {
            Ok(is_present) => assert!(!is_present),
            Err(error) => println!("is_present: {error}"),
        }
        assert_eq!(Devices.dates(made_up), Dates::default());
        match Devices.plugged(&|_| true) {
            Ok(plugged) => println!("{plugged:?}"),
            Err(error) => println!("plugged: {error}"),
        }
        match notices::listen() {
            Ok(listener) => drop(listener),
            Err(error) => println!("listen: {error}"),
        }
    }
}
