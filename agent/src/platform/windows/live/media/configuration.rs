//! The configuration manager (cfgmgr32.dll). Its functions are looked up by name: some are not in every Windows, and the
//! program starts without them.

use std::ffi::c_void;
use std::io;
use std::mem::transmute;

use windows::Win32::Devices::DeviceAndDriverInstallation::{
    CM_GET_DEVICE_INTERFACE_LIST_PRESENT, CM_LOCATE_DEVNODE_NORMAL, CM_LOCATE_DEVNODE_PHANTOM,
    CM_NOTIFY_FILTER, CONFIGRET, CR_BUFFER_SMALL, CR_INVALID_DEVICE_ID, CR_NO_SUCH_DEVNODE, CR_SUCCESS,
    HCMNOTIFICATION, PCM_NOTIFY_CALLBACK,
};
use windows::Win32::Devices::Properties::DEVPROP_TYPE_FILETIME;
use windows::Win32::Foundation::DEVPROPKEY;
use windows::Win32::System::LibraryLoader::{GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW};
use windows::core::{GUID, HSTRING, PCSTR, PCWSTR, s, w};

use crate::platform::windows::filetime;

/// Links of one class of interfaces, in characters: each is at most some 300.
const LINKS_MAX: u32 = 1 << 20;

/// Devices come and go between the question for a list's size and the list.
const TRIES_MAX: usize = 4;

type Any = unsafe extern "system" fn() -> isize;
type Locate = unsafe extern "system" fn(*mut u32, PCWSTR, u32) -> CONFIGRET;
type Status = unsafe extern "system" fn(*mut u32, *mut u32, u32, u32) -> CONFIGRET;
type Property =
    unsafe extern "system" fn(u32, *const DEVPROPKEY, *mut u32, *mut c_void, *mut u32, u32) -> CONFIGRET;
type ListSize = unsafe extern "system" fn(*mut u32, *const GUID, PCWSTR, u32) -> CONFIGRET;
type List = unsafe extern "system" fn(*const GUID, PCWSTR, *mut u16, u32, u32) -> CONFIGRET;
type Register = unsafe extern "system" fn(
    *const CM_NOTIFY_FILTER,
    *const c_void,
    PCM_NOTIFY_CALLBACK,
    *mut HCMNOTIFICATION,
) -> CONFIGRET;
type Unregister = unsafe extern "system" fn(HCMNOTIFICATION) -> CONFIGRET;

/// What registers for notices, and what ends it.
#[derive(Clone, Copy)]
pub(super) struct Registrar {
    pub(super) register: Register,
    pub(super) unregister: Unregister,
}

/// The functions that Daicho asks.
pub(super) struct Configuration {
    locate: Locate,
    status: Status,
    property: Option<Property>,
    list_size: ListSize,
    list: List,
    pub(super) registrar: Option<Registrar>,
}

impl Configuration {
    /// Looks the functions up.
    pub(super) fn load() -> io::Result<Self> {
        let find = |name| function(name)?.ok_or_else(|| missing(name));
        let locate = find(s!("CM_Locate_DevNodeW"))?;
        let status = find(s!("CM_Get_DevNode_Status"))?;
        let list_size = find(s!("CM_Get_Device_Interface_List_SizeW"))?;
        let list = find(s!("CM_Get_Device_Interface_ListW"))?;
        let property = function(s!("CM_Get_DevNode_PropertyW"))?;
        let register = function(s!("CM_Register_Notification"))?;
        let unregister = function(s!("CM_Unregister_Notification"))?;
        #[expect(unsafe_code, reason = "functions that may be missing are looked up by their names")]
        // SAFETY: each was found under its name, and has had this form since it was made (cfgmgr32.h); a handle of the
        // tree, a type of property and a set of flags are numbers of 32 bits.
        let configuration = unsafe {
            Configuration {
                locate: transmute::<Any, Locate>(locate),
                status: transmute::<Any, Status>(status),
                property: property.map(|it| transmute::<Any, Property>(it)),
                list_size: transmute::<Any, ListSize>(list_size),
                list: transmute::<Any, List>(list),
                registrar: register.zip(unregister).map(|(register, unregister)| Registrar {
                    register: transmute::<Any, Register>(register),
                    unregister: transmute::<Any, Unregister>(unregister),
                }),
            }
        };
        Ok(configuration)
    }

    /// The handle of a device that is there, or, with `also_gone`, ever was; `None`: it is not.
    pub(super) fn find(&self, instance: &str, also_gone: bool) -> io::Result<Option<u32>> {
        let flags = if also_gone { CM_LOCATE_DEVNODE_PHANTOM } else { CM_LOCATE_DEVNODE_NORMAL };
        let name = HSTRING::from(instance);
        let (mut node, mut status, mut problem) = (0, 0, 0);
        #[expect(unsafe_code, reason = "there is no safe call for the tree of devices")]
        // SAFETY: the name ends in NUL and lives as long as the call, and the numbers live on this stack.
        let answers = unsafe {
            let found = (self.locate)(&raw mut node, PCWSTR(name.as_ptr()), flags.0);
            let told = (found == CR_SUCCESS && !also_gone)
                .then(|| (self.status)(&raw mut status, &raw mut problem, node, 0));
            [found, told.unwrap_or(CR_SUCCESS)]
        };
        for answer in answers {
            match answer {
                CR_SUCCESS => {}
                CR_NO_SUCH_DEVNODE | CR_INVALID_DEVICE_ID => return Ok(None),
                other => return Err(failed("CM_Locate_DevNodeW", other)),
            }
        }
        Ok(Some(node))
    }

    /// A property of a device that is a time.
    pub(super) fn time(&self, node: u32, key: &DEVPROPKEY) -> Option<jiff::Timestamp> {
        let mut kind = 0;
        let mut count = 0_u64;
        let mut size = 8;
        #[expect(unsafe_code, reason = "there is no safe call for a device's properties")]
        // SAFETY: at most `size` bytes, which is what the number has, are written to it; any bytes are a number.
        let answer =
            unsafe { (self.property?)(node, key, &raw mut kind, (&raw mut count).cast(), &raw mut size, 0) };
        (answer == CR_SUCCESS && kind == DEVPROP_TYPE_FILETIME.0 && size == 8).then(|| filetime(count))?
    }

    /// The links of all interfaces of a class that are there.
    pub(super) fn interfaces(&self, class: &GUID) -> io::Result<Vec<String>> {
        let flags = CM_GET_DEVICE_INTERFACE_LIST_PRESENT.0;
        for _ in 0..TRIES_MAX {
            let mut length = 0;
            #[expect(unsafe_code, reason = "there is no safe call for the interfaces of devices")]
            // SAFETY: class and length live as long as the call; no device is named.
            let answer = unsafe { (self.list_size)(&raw mut length, class, PCWSTR::null(), flags) };
            if answer != CR_SUCCESS {
                return Err(failed("CM_Get_Device_Interface_List_SizeW", answer));
            }
            let mut links = vec![0_u16; usize::try_from(length.min(LINKS_MAX)).unwrap_or_default()];
            #[expect(unsafe_code, reason = "there is no safe call for the interfaces of devices")]
            // SAFETY: at most as many characters are written as the buffer has.
            let answer = unsafe {
                (self.list)(class, PCWSTR::null(), links.as_mut_ptr(), length.min(LINKS_MAX), flags)
            };
            match answer {
                CR_SUCCESS => {
                    let texts = links.split(|unit| *unit == 0).filter(|text| !text.is_empty());
                    return Ok(texts.map(String::from_utf16_lossy).collect());
                }
                CR_BUFFER_SMALL => {}
                other => return Err(failed("CM_Get_Device_Interface_ListW", other)),
            }
        }
        Err(io::Error::other("CM_Get_Device_Interface_ListW: the list of devices did not stand still"))
    }
}

fn function(name: PCSTR) -> io::Result<Option<Any>> {
    #[expect(unsafe_code, reason = "functions that may be missing are looked up by their names")]
    // SAFETY: the library is the system's own, from the system's folder alone, and is never unloaded; the name ends in
    // NUL.
    let function = unsafe {
        let library = LoadLibraryExW(w!("cfgmgr32.dll"), None, LOAD_LIBRARY_SEARCH_SYSTEM32)?;
        GetProcAddress(library, name)
    };
    Ok(function)
}

fn missing(name: PCSTR) -> io::Error {
    #[expect(unsafe_code, reason = "the name is a text of this program")]
    // SAFETY: only literals that end in NUL are handed in.
    let name = unsafe { name.to_string() }.unwrap_or_default();
    io::Error::new(io::ErrorKind::Unsupported, format!("cfgmgr32.dll has no {name}"))
}

pub(super) fn failed(function: &str, answer: CONFIGRET) -> io::Error {
    io::Error::other(format!("{function} answered {} (cfgmgr32.h)", answer.0))
}
