// SPDX-License-Identifier: MIT
//
// maqet.rs - maqet-plugin.h for Rust: its structs as they are in memory, and a safe way to what a
// storage plugin needs of its functions. Copy it, and add what you need.
//
// A callback is a method of a type with the trait Storage. It returns a Result; a panic in it
// ends in an error, since it must not cross the boundary to C.

use std::any::Any;
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::os::raw::{c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::os::unix::io::FromRawFd;
use std::panic::{catch_unwind, set_hook, AssertUnwindSafe};
use std::path::Path;
use std::ptr::{null, null_mut};

/// The functions of maqet-plugin.h, and the structs that only the core looks into.
mod sys {
    use super::{c_char, c_int};

    macro_rules! opaque {
        ($($name:ident)*) => { $(#[repr(C)] pub struct $name { _private: [u8; 0] })* };
    }
    opaque!(Error Drive Command Args Props Image);

    extern "C" {
        pub fn maqet_error_hint_text(err: *mut *mut Error, hint: *const c_char);
        pub fn maqet_error_clear(err: *mut *mut Error);
        pub fn maqet_error_move(err: *mut *mut Error, reason: *mut Error) -> c_int;
        pub fn maqet_drive_node(drive: *const Drive) -> *const c_char;
        pub fn maqet_drive_readonly(drive: *const Drive) -> bool;
        pub fn maqet_drive_path(drive: *const Drive) -> *const c_char;
        pub fn maqet_drive_string(drive: *const Drive, option: *const c_char) -> *const c_char;
        pub fn maqet_drive_size(drive: *const Drive, option: *const c_char) -> u64;
        pub fn maqet_drive_error_text(
            drive: *const Drive, option: *const c_char, err: *mut *mut Error, code: c_int,
            message: *const c_char) -> c_int;
        pub fn maqet_command_new(program: *const c_char) -> *mut Command;
        pub fn maqet_command_word(command: *mut Command, word: *const c_char);
        pub fn maqet_command_free(command: *mut Command);
        pub fn maqet_command_run(command: *mut Command, err: *mut *mut Error) -> c_int;
        pub fn maqet_args_blockdev(args: *mut Args, node_name: *const c_char) -> *mut Props;
        pub fn maqet_props_string(props: *mut Props, key: *const c_char, value: *const c_char);
        pub fn maqet_props_bool(props: *mut Props, key: *const c_char, value: bool);
        pub fn maqet_image_format(image: *mut Image, format: *const c_char);
        pub fn maqet_image_virtual_size(image: *mut Image, bytes: u64);
        pub fn maqet_image_names_file(
            image: *mut Image, option: *const c_char, what: *const c_char, name: *const c_char);
    }
}

// ---- texts

/// A text for C that is known when this is compiled.
#[macro_export]
macro_rules! c {
    ($text:expr) => { concat!($text, "\0").as_ptr() as *const std::os::raw::c_char };
}

/// A text for C. It ends where a NUL is in it, as C would have it.
fn text(bytes: impl AsRef<[u8]>) -> CString {
    let bytes = bytes.as_ref();
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    CString::new(&bytes[..end]).unwrap_or_default()
}

/// A text of the core's, which lives as long as the drive.
unsafe fn bytes_of<'a>(text: *const c_char) -> Option<&'a [u8]> {
    if text.is_null() { None } else { Some(CStr::from_ptr(text).to_bytes()) }
}

// ---- errors

#[repr(i32)]
#[derive(Clone, Copy)]
#[allow(dead_code)]
pub enum Code {
    Failed = 1, Invalid = 2, Exists = 3, Missing = 4, State = 5, Unsupported = 6, Busy = 7,
    NoSpace = 8, Timeout = 9, Refused = 10, Permission = 11,
}

/// Why a callback fails: words of the plugin's own, or an error that a function of the core gave.
pub enum Error {
    Own { code: Code, option: Option<&'static str>, message: String, hint: Option<String> },
    Core(CoreError),
}

/// It belongs to us until it is moved on.
pub struct CoreError(*mut sys::Error);

impl Drop for CoreError {
    fn drop(&mut self) {
        unsafe { sys::maqet_error_clear(&mut self.0) }
    }
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(code: Code, message: impl Into<String>) -> Error {
        Error::Own { code, option: None, message: message.into(), hint: None }
    }
    /// The message begins with where the option stands in the YAML file.
    pub fn of(mut self, name: &'static str) -> Error {
        if let Error::Own { option, .. } = &mut self {
            *option = Some(name);
        }
        self
    }
    pub fn hint(mut self, step: impl Into<String>) -> Error {
        if let Error::Own { hint, .. } = &mut self {
            *hint = Some(step.into());
        }
        self
    }
    unsafe fn pass_on(self, drive: *const sys::Drive, err: *mut *mut sys::Error) -> c_int {
        match self {
            Error::Core(mut reason) => {
                sys::maqet_error_move(err, std::mem::replace(&mut reason.0, null_mut()))
            }
            Error::Own { code, option, message, hint } => {
                let option = option.map(text);
                let name = option.as_ref().map_or(null(), |name| name.as_ptr());
                sys::maqet_drive_error_text(drive, name, err, code as c_int, text(message).as_ptr());
                if let Some(hint) = hint {
                    sys::maqet_error_hint_text(err, text(hint).as_ptr());
                }
                -1
            }
        }
    }
}

// ---- what callbacks are given

pub struct Drive<'a>(*const sys::Drive, PhantomData<&'a ()>);

impl<'a> Drive<'a> {
    pub fn node(&self) -> &'a OsStr {
        OsStr::from_bytes(unsafe { bytes_of(sys::maqet_drive_node(self.0)) }.unwrap_or_default())
    }
    pub fn readonly(&self) -> bool {
        unsafe { sys::maqet_drive_readonly(self.0) }
    }
    /// The image; empty for a plugin without a path option.
    pub fn path(&self) -> &'a Path {
        let path = unsafe { bytes_of(sys::maqet_drive_path(self.0)) };
        Path::new(OsStr::from_bytes(path.unwrap_or_default()))
    }
    pub fn string(&self, option: &str) -> Option<&'a str> {
        let value = unsafe { bytes_of(sys::maqet_drive_string(self.0, text(option).as_ptr())) };
        value.and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
    pub fn size(&self, option: &str) -> u64 {
        unsafe { sys::maqet_drive_size(self.0, text(option).as_ptr()) }
    }
}

pub struct Command(*mut sys::Command);

impl Command {
    pub fn new(program: &str) -> Command {
        Command(unsafe { sys::maqet_command_new(text(program).as_ptr()) })
    }
    pub fn arg(self, word: impl AsRef<OsStr>) -> Command {
        unsafe { sys::maqet_command_word(self.0, text(word.as_ref().as_bytes()).as_ptr()) };
        self
    }
    pub fn run(mut self) -> Result<()> {
        let mut reason = null_mut();
        let command = std::mem::replace(&mut self.0, null_mut()); // the core frees it
        match unsafe { sys::maqet_command_run(command, &mut reason) } {
            0 => Ok(()),
            _ => Err(Error::Core(CoreError(reason))),
        }
    }
}

impl Drop for Command {
    fn drop(&mut self) {
        unsafe { sys::maqet_command_free(self.0) }
    }
}

pub struct Args<'a>(*mut sys::Args, PhantomData<&'a mut ()>);
pub struct Props<'a>(*mut sys::Props, PhantomData<&'a mut ()>);

impl Args<'_> {
    pub fn blockdev(&mut self, node: impl AsRef<OsStr>) -> Props<'_> {
        let node = text(node.as_ref().as_bytes());
        Props(unsafe { sys::maqet_args_blockdev(self.0, node.as_ptr()) }, PhantomData)
    }
}

impl Props<'_> {
    pub fn string(&mut self, key: &str, value: impl AsRef<OsStr>) -> &mut Self {
        let value = text(value.as_ref().as_bytes());
        unsafe { sys::maqet_props_string(self.0, text(key).as_ptr(), value.as_ptr()) };
        self
    }
    pub fn bool(&mut self, key: &str, value: bool) -> &mut Self {
        unsafe { sys::maqet_props_bool(self.0, text(key).as_ptr(), value) };
        self
    }
}

/// An image, which is open for reading, and what is reported of it.
pub struct Image<'a> {
    image: *mut sys::Image,
    file: ManuallyDrop<File>, // the core closes it
    lifetime: PhantomData<&'a mut ()>,
}

impl Image<'_> {
    /// Reads as many bytes as there are, up to `size`.
    pub fn read(&self, offset: u64, size: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; size];
        let mut count = 0;
        while count < size {
            match self.file.read_at(&mut bytes[count..], offset.saturating_add(count as u64)) {
                Ok(0) => break,
                Ok(more) => count += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(count);
        Ok(bytes)
    }
    pub fn format(&mut self, format: &str) {
        unsafe { sys::maqet_image_format(self.image, text(format).as_ptr()) }
    }
    pub fn virtual_size(&mut self, bytes: u64) {
        unsafe { sys::maqet_image_virtual_size(self.image, bytes) }
    }
    /// Another file that the image names, and that the configuration can't name: the core
    /// refuses the image.
    pub fn names_file(&mut self, what: &str, name: &[u8]) {
        let (what, name) = (text(what), text(name));
        unsafe { sys::maqet_image_names_file(self.image, null(), what.as_ptr(), name.as_ptr()) }
    }
}

// ---- what a plugin is

pub struct Space {
    pub at_once: u64,
    pub at_most: u64,
}

pub trait Storage {
    fn space(drive: &Drive) -> Result<Space>;
    fn create(drive: &Drive, path: &Path) -> Result<()>;
    fn inspect(drive: &Drive, image: &mut Image) -> Result<()>;
    fn emit_args(drive: &Drive, args: &mut Args) -> Result<()>;
}

fn words_of(panic: Box<dyn Any + Send>) -> String {
    let words = panic.downcast_ref::<&str>().map(|words| words.to_string());
    words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

unsafe fn guard(
    drive: *const sys::Drive, err: *mut *mut sys::Error, work: impl FnOnce(&Drive) -> Result<()>,
) -> c_int {
    // A plugin never prints. The hook is that of the std in this plugin, which is nobody else's.
    set_hook(Box::new(|_| ()));
    let done = catch_unwind(AssertUnwindSafe(|| work(&Drive(drive, PhantomData))));
    match done.unwrap_or_else(|panic| {
        let message = format!("the plugin failed by a mistake of its own: {}", words_of(panic));
        Err(Error::new(Code::Failed, message))
    }) {
        Ok(()) => 0,
        Err(error) => error.pass_on(drive, err),
    }
}

unsafe extern "C" fn space<P: Storage>(
    drive: *const sys::Drive, at_once: *mut u64, at_most: *mut u64, err: *mut *mut sys::Error,
) -> c_int {
    guard(drive, err, |drive| {
        let space = P::space(drive)?;
        *at_once = space.at_once;
        *at_most = space.at_most;
        Ok(())
    })
}

unsafe extern "C" fn create<P: Storage>(
    drive: *const sys::Drive, path: *const c_char, err: *mut *mut sys::Error,
) -> c_int {
    guard(drive, err, |drive| {
        P::create(drive, Path::new(OsStr::from_bytes(bytes_of(path).unwrap_or_default())))
    })
}

unsafe extern "C" fn inspect<P: Storage>(
    drive: *const sys::Drive, fd: c_int, image: *mut sys::Image, err: *mut *mut sys::Error,
) -> c_int {
    let file = ManuallyDrop::new(File::from_raw_fd(fd));
    guard(drive, err, |drive| P::inspect(drive, &mut Image { image, file, lifetime: PhantomData }))
}

unsafe extern "C" fn emit_args<P: Storage>(
    drive: *const sys::Drive, args: *mut sys::Args, err: *mut *mut sys::Error,
) -> c_int {
    guard(drive, err, |drive| P::emit_args(drive, &mut Args(args, PhantomData)))
}

// ---- the structs of the ABI, member by member

#[allow(dead_code)]
pub const REQUIRED: u32 = 1;
pub const LIMITS: u32 = 6;

#[repr(u32)]
#[derive(Clone, Copy)]
#[allow(dead_code)]
pub enum Type {
    None = 0, String = 1, Path = 2, Size = 3, Int = 4, Bool = 5, Choice = 6, Mode = 7, Map = 8,
    List = 9, Secret = 10,
}

#[repr(C)]
pub struct OptionRow {
    pub name: *const c_char,
    pub kind: Type,
    pub flags: u32,
    pub items: Type,
    pub reserved: u32,
    pub fallback: *const c_char,
    pub choices: *const *const c_char,
    pub options: *const OptionRow,
    pub help: *const c_char,
    pub minimum: i64,
    pub maximum: i64,
}

/// What a row has where nothing is said; by itself, it ends a table.
pub const OPTION: OptionRow = OptionRow {
    name: null(), kind: Type::None, flags: 0, items: Type::None, reserved: 0, fallback: null(),
    choices: null(), options: null(), help: null(), minimum: 0, maximum: 0,
};

/// A list of words, with a null at its end.
#[repr(transparent)]
pub struct Words<const N: usize>(pub [*const c_char; N]);

type Callback = Option<unsafe extern "C" fn()>;

pub const HOTPLUG: u32 = 1;

#[repr(u32)]
#[derive(Clone, Copy)]
#[allow(dead_code)]
pub enum Creation { Never = 0, Once = 1, EachStart = 2 }

type Space_ = unsafe extern "C" fn(*const sys::Drive, *mut u64, *mut u64, *mut *mut sys::Error) -> c_int;
type Create = unsafe extern "C" fn(*const sys::Drive, *const c_char, *mut *mut sys::Error) -> c_int;
type Inspect = unsafe extern "C" fn(*const sys::Drive, c_int, *mut sys::Image, *mut *mut sys::Error) -> c_int;
type EmitArgs = unsafe extern "C" fn(*const sys::Drive, *mut sys::Args, *mut *mut sys::Error) -> c_int;

#[repr(C)]
pub struct StoragePlugin {
    pub header: [u32; 4],
    pub name: *const c_char,
    pub summary: *const c_char,
    pub version: *const c_char,
    pub author: *const c_char,
    pub url: *const c_char,
    pub options: *const OptionRow,
    pub flags: u32,
    pub media: u32,
    pub format: *const c_char,
    pub interface: *const c_char,
    pub path_option: *const c_char,
    pub size_option: *const c_char,
    pub readonly_option: *const c_char,
    pub creation: Creation,
    pub open: Callback,
    pub close: Callback,
    pub validate: Callback,
    pub space: Option<Space_>,
    pub create: Option<Create>,
    pub inspect: Option<Inspect>,
    pub holders: Callback,
    pub helper: Callback,
    pub resize: Callback,
    pub live_resize: Callback,
    pub emit_args: Option<EmitArgs>,
    pub check: Callback,
    pub remove: Callback,
    pub ended: Callback,
    pub snapshot: *const c_void,
    pub overlay: *const c_void,
}

// They are constant, and what they point to is.
unsafe impl Sync for OptionRow {}
unsafe impl Sync for StoragePlugin {}
unsafe impl<const N: usize> Sync for Words<N> {}

impl StoragePlugin {
    /// A plugin with the callbacks of a type, and nothing else.
    pub const fn new<P: Storage>() -> StoragePlugin {
        let size = std::mem::size_of::<StoragePlugin>() as u32;
        let option_size = std::mem::size_of::<OptionRow>() as u32;
        StoragePlugin {
            header: [size, 1, 1, option_size], // ABI 1, a storage
            name: null(), summary: null(), version: null(), author: null(), url: null(),
            options: null(), flags: 0, media: 0, format: null(), interface: null(),
            path_option: null(), size_option: null(), readonly_option: null(),
            creation: Creation::Never,
            open: None, close: None, validate: None,
            space: Some(space::<P>), create: Some(create::<P>), inspect: Some(inspect::<P>),
            holders: None, helper: None, resize: None, live_resize: None,
            emit_args: Some(emit_args::<P>),
            check: None, remove: None, ended: None,
            snapshot: null(), overlay: null(),
        }
    }
}
