//! Devices that qemu does not have: the machine's kernel plays them itself, on a controller that loops back to it.
//!
//! Kernel: Documentation/usb/gadget_configfs.rst. One device at a time for each of [`Gadget`]'s slots.

use std::fmt::Write as _;

use super::super::VirtualMachine;

/// A device to play.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gadget<'a> {
    /// Vendor and product, as `0x1d6b 0x0104`.
    pub ids: (u16, u16),
    /// `None`: it has no serial number and no other string.
    pub serial: Option<&'a str>,
    /// bDeviceClass, subclass and protocol; zeroes where the interfaces tell.
    pub class: (u8, u8, u8),
    /// Function folders (`rndis.0`), each with a shell command that is run inside it.
    pub functions: &'a [(&'a str, &'a str)],
}

impl VirtualMachine {
    /// Plugs it in at this slot, 0 to 3.
    pub fn play(&self, slot: usize, gadget: &Gadget<'_>) {
        let (class, subclass, protocol) = gadget.class;
        let mut script = format!(
            "set -e; modprobe dummy_hcd num=4; modprobe libcomposite\n\
             g=/sys/kernel/config/usb_gadget/g{slot}; mkdir $g; cd $g\n\
             echo {:#06x} >idVendor; echo {:#06x} >idProduct; echo 0x0200 >bcdUSB\n\
             echo {class} >bDeviceClass; echo {subclass} >bDeviceSubClass; echo {protocol} >bDeviceProtocol\n\
             mkdir configs/c.1\n",
            gadget.ids.0, gadget.ids.1
        );
        if let Some(serial) = gadget.serial {
            let _ = writeln!(script, "mkdir strings/0x409; echo {serial} >strings/0x409/serialnumber");
        }
        for (function, set_up) in gadget.functions {
            let _ = writeln!(
                script,
                "mkdir functions/{function}; (cd functions/{function}; {set_up}); ln -s functions/{function} configs/c.1/"
            );
        }
        let _ = writeln!(script, "echo dummy_udc.{slot} >UDC");
        self.feed("sh", script.as_bytes());
    }

    /// Pulls what is played at this slot.
    pub fn stop_playing(&self, slot: usize) {
        let script = format!(
            "set -e; cd /sys/kernel/config/usb_gadget/g{slot}; echo >UDC\n\
             find configs/c.1 -type l -delete; rmdir configs/c.1\n\
             rmdir functions/*/lun.[1-9] 2>/dev/null || true; rmdir functions/*; rmdir strings/* 2>/dev/null || true\n\
             cd ..; rmdir g{slot}\n"
        );
        self.feed("sh", script.as_bytes());
    }
}
