//! Windows' notices of devices that come and go (CM_Register_Notification, Windows 8 and later): they need no window, and
//! are about interfaces, not handles, so that none of them keeps a medium from being taken away.

use std::ffi::c_void;
use std::io;
use std::mem::{offset_of, size_of};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use windows::Win32::Devices::DeviceAndDriverInstallation::{
    CM_NOTIFY_ACTION, CM_NOTIFY_ACTION_DEVICEINTERFACEARRIVAL, CM_NOTIFY_ACTION_DEVICEINTERFACEREMOVAL,
    CM_NOTIFY_EVENT_DATA, CM_NOTIFY_EVENT_DATA_0_0, CM_NOTIFY_FILTER, CM_NOTIFY_FILTER_0,
    CM_NOTIFY_FILTER_0_0, CM_NOTIFY_FILTER_TYPE_DEVICEINTERFACE, CR_CALL_NOT_IMPLEMENTED, CR_SUCCESS,
    HCMNOTIFICATION,
};
use windows::Win32::NetworkManagement::Ndis::GUID_DEVINTERFACE_NET;
use windows::Win32::System::Ioctl::{
    GUID_DEVINTERFACE_CDROM, GUID_DEVINTERFACE_DISK, GUID_DEVINTERFACE_VOLUME,
};
use windows::core::GUID;

use super::configuration::{Configuration, Registrar, failed};
use crate::platform::windows::media::follower::{Next, Notice, Notices};

/// Every device of the USB bus, whatever it is (usbiodef.h, `GUID_DEVINTERFACE_USB_DEVICE`).
const USB_DEVICE: GUID = GUID::from_u128(0xa5dc_bf10_6530_11d2_901f_00c0_4fb9_51ed);

/// Phones, cameras and players (wpdapi, `GUID_DEVINTERFACE_WPD`).
const PORTABLE: GUID = GUID::from_u128(0x6ac2_7878_a6fa_4155_ba85_f98f_491d_4f33);

/// Notices that wait while a look is made: a docking station full of devices is some dozen. What overflows is made good by
/// a look.
const WAITING_MAX: usize = 1024;

/// A link is at most this long: an instance name has 200 characters.
const LINK_CHARACTERS_MAX: usize = 1024;

/// What the callbacks write to.
struct Shared {
    sender: SyncSender<Notice>,
    is_lost: AtomicBool,
}

/// Registrations that end when this is dropped.
pub(crate) struct Listener {
    registrar: Registrar,
    registrations: Vec<HCMNOTIFICATION>,
    /// Outlives the registrations, which point to it.
    shared: Arc<Shared>,
    receiver: Receiver<Notice>,
}

/// Registers; `None`: this Windows has no such notices.
pub(crate) fn listen() -> io::Result<Option<Listener>> {
    let Ok(configuration) = Configuration::load() else { return Ok(None) };
    let Some(registrar) = configuration.registrar else { return Ok(None) };
    let (sender, receiver) = sync_channel(WAITING_MAX);
    let shared = Arc::new(Shared { sender, is_lost: AtomicBool::new(false) });
    let mut listener = Listener { registrar, registrations: Vec::new(), shared, receiver };
    for class in [
        USB_DEVICE,
        GUID_DEVINTERFACE_DISK,
        GUID_DEVINTERFACE_CDROM,
        GUID_DEVINTERFACE_VOLUME,
        PORTABLE,
        GUID_DEVINTERFACE_NET,
    ] {
        let filter = CM_NOTIFY_FILTER {
            cbSize: u32::try_from(size_of::<CM_NOTIFY_FILTER>()).unwrap_or_default(),
            FilterType: CM_NOTIFY_FILTER_TYPE_DEVICEINTERFACE,
            u: CM_NOTIFY_FILTER_0 { DeviceInterface: CM_NOTIFY_FILTER_0_0 { ClassGuid: class } },
            ..CM_NOTIFY_FILTER::default()
        };
        let context = Arc::as_ptr(&listener.shared).cast::<c_void>();
        let mut registration = HCMNOTIFICATION::default();
        #[expect(unsafe_code, reason = "there is no safe call for notices of devices")]
        // SAFETY: the filter is copied; the context lives in the listener, which ends the registration before it lets go
        // of it; the callback has the form that is asked for.
        let answer =
            unsafe { (registrar.register)(&raw const filter, context, Some(hear), &raw mut registration) };
        match answer {
            CR_SUCCESS => listener.registrations.push(registration),
            CR_CALL_NOT_IMPLEMENTED => return Ok(None),
            other => return Err(failed("CM_Register_Notification", other)),
        }
    }
    Ok(Some(listener))
}

impl Drop for Listener {
    fn drop(&mut self) {
        for registration in self.registrations.drain(..) {
            #[expect(unsafe_code, reason = "there is no safe call for notices of devices")]
            // SAFETY: the registration is ours and ends here alone, on a thread that is no callback's: the call waits for
            // callbacks that run. What it answers changes nothing.
            let _ = unsafe { (self.registrar.unregister)(registration) };
        }
    }
}

impl Notices for Listener {
    fn next(&mut self, at_most: Option<Duration>) -> io::Result<Next> {
        match self.receiver.try_recv() {
            Ok(notice) => return Ok(Next::Notice(notice)),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Err(broken()),
        }
        if self.shared.is_lost.swap(false, Ordering::SeqCst) {
            return Ok(Next::Lost);
        }
        let heard = match at_most {
            Some(at_most) => self.receiver.recv_timeout(at_most),
            None => self.receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match heard {
            Ok(notice) => Ok(Next::Notice(notice)),
            Err(RecvTimeoutError::Timeout) => Ok(Next::Quiet),
            Err(RecvTimeoutError::Disconnected) => Err(broken()),
        }
    }
}

fn broken() -> io::Error {
    io::Error::other("notices of devices broke off")
}

impl Shared {
    /// Puts a notice in its place; never waits.
    fn put(&self, notice: Notice) {
        if let Err(refused) = self.sender.try_send(notice) {
            self.is_lost.store(true, Ordering::SeqCst);
            // Who took the last one meanwhile may be asleep, and must see the mark.
            let (std::sync::mpsc::TrySendError::Full(notice)
            | std::sync::mpsc::TrySendError::Disconnected(notice)) = refused;
            let _ = self.sender.try_send(notice);
        }
    }
}

/// Called by Windows on a thread of its own, one notice after the other for each registration: it only queues.
#[expect(unsafe_code, reason = "Windows calls it with pointers")]
unsafe extern "system" fn hear(
    _: HCMNOTIFICATION,
    context: *const c_void,
    action: CM_NOTIFY_ACTION,
    data: *const CM_NOTIFY_EVENT_DATA,
    size: u32,
) -> u32 {
    let came = action == CM_NOTIFY_ACTION_DEVICEINTERFACEARRIVAL;
    if context.is_null() || data.is_null() || !came && action != CM_NOTIFY_ACTION_DEVICEINTERFACEREMOVAL {
        return 0;
    }
    let start = offset_of!(CM_NOTIFY_EVENT_DATA, u) + offset_of!(CM_NOTIFY_EVENT_DATA_0_0, SymbolicLink);
    let Some(bytes) = usize::try_from(size).ok().and_then(|size| size.checked_sub(start)) else { return 0 };
    // SAFETY: the context is the `Shared` of the listener, which is there until its registrations have ended; for these
    // two actions the data are of an interface: a class, and behind it a link that fills the rest of `size` bytes.
    let (shared, class, link) = unsafe {
        let shared = &*context.cast::<Shared>();
        let class = (*data).u.DeviceInterface.ClassGuid;
        let link = data.cast::<u8>().add(start).cast::<u16>();
        (shared, class, std::slice::from_raw_parts(link, (bytes / 2).min(LINK_CHARACTERS_MAX)))
    };
    let link = String::from_utf16_lossy(link.split(|unit| *unit == 0).next().unwrap_or_default());
    shared.put(Notice { is_usb: class == USB_DEVICE, came, link });
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deaf(registrations: Vec<HCMNOTIFICATION>) -> Listener {
        extern "system" fn register(
            _: *const CM_NOTIFY_FILTER,
            _: *const c_void,
            _: windows::Win32::Devices::DeviceAndDriverInstallation::PCM_NOTIFY_CALLBACK,
            _: *mut HCMNOTIFICATION,
        ) -> windows::Win32::Devices::DeviceAndDriverInstallation::CONFIGRET {
            CR_SUCCESS
        }
        extern "system" fn unregister(
            _: HCMNOTIFICATION,
        ) -> windows::Win32::Devices::DeviceAndDriverInstallation::CONFIGRET {
            CR_SUCCESS
        }
        let (sender, receiver) = sync_channel(2);
        let shared = Arc::new(Shared { sender, is_lost: AtomicBool::new(false) });
        Listener { registrar: Registrar { register, unregister }, registrations, shared, receiver }
    }

    #[test]
    fn what_finds_no_room_is_told_as_lost_after_what_did() {
        let mut listener = deaf(Vec::new());
        let notice = |link: &str| Notice { is_usb: true, came: true, link: link.to_owned() };
        for link in ["a", "b", "c", "d"] {
            listener.shared.put(notice(link));
        }
        assert_eq!(listener.next(None).unwrap(), Next::Notice(notice("a")));
        assert_eq!(listener.next(None).unwrap(), Next::Notice(notice("b")));
        assert_eq!(listener.next(None).unwrap(), Next::Lost);
        assert_eq!(listener.next(Some(Duration::ZERO)).unwrap(), Next::Quiet);
    }

    #[test]
    fn a_notice_is_read_out_of_what_windows_hands_over() {
        let mut listener = deaf(Vec::new());
        let link = "\\\\?\\USB#VID_0781&PID_5581#AA01#{a5dcbf10-6530-11d2-901f-00c04fb951ed}\0";
        let mut data = vec![0_u64; 64];
        let start = offset_of!(CM_NOTIFY_EVENT_DATA, u) + offset_of!(CM_NOTIFY_EVENT_DATA_0_0, SymbolicLink);
        let units: Vec<u16> = link.encode_utf16().collect();
        #[expect(unsafe_code, reason = "the test hands over what Windows would")]
        // SAFETY: the buffer of 512 bytes holds the structure and the link, and is aligned for it.
        unsafe {
            let event = data.as_mut_ptr().cast::<CM_NOTIFY_EVENT_DATA>();
            (*event).u.DeviceInterface.ClassGuid = USB_DEVICE;
            let place = event.cast::<u8>().add(start).cast::<u16>();
            std::ptr::copy_nonoverlapping(units.as_ptr(), place, units.len());
            let size = u32::try_from(start + units.len() * 2).unwrap();
            let context = Arc::as_ptr(&listener.shared).cast::<c_void>();
            let nobody = HCMNOTIFICATION::default();
            hear(nobody, context, CM_NOTIFY_ACTION_DEVICEINTERFACEARRIVAL, event, size);
            hear(nobody, context, CM_NOTIFY_ACTION_DEVICEINTERFACEREMOVAL, event, 8);
        }
        let link = link.trim_end_matches('\0').to_owned();
        let expected = Next::Notice(Notice { is_usb: true, came: true, link });
        assert_eq!(listener.next(None).unwrap(), expected);
        assert_eq!(listener.next(Some(Duration::ZERO)).unwrap(), Next::Quiet);
    }
}
