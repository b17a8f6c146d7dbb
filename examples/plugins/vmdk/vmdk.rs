// SPDX-License-Identifier: MIT
//
// vmdk.rs - a storage plugin in Rust: disk images of VMware in one file ("monolithicSparse"),
// which QEMU reads and writes. Images come from elsewhere, and what is in them is not to be
// trusted, which is what this language is good for.
//
// Other kinds of VMDK name the files that hold their data, any file of the host, so they are
// refused. The layout is that of VMware's "Virtual Disk Format 1.1".

#[macro_use]
mod maqet;

use maqet::{Args, Code, Command, Creation, Drive, Error, Image, OptionRow, Result, Space, Storage};
use maqet::{StoragePlugin, Type, Words, HOTPLUG, LIMITS, OPTION};
use std::path::Path;
use std::ptr::null;

const SECTOR: u64 = 512;
/// What is allocated at once, and how many of these a table has.
const GRAIN: u64 = 64 << 10;
const GRAINS_OF_TABLE: u64 = 512;
/// The header, and the longest description that is looked at.
const HEADER_BYTES: usize = 79;
const DESCRIPTION_MAX: u64 = 64 << 10;
/// Of the header's flags: the grains are compressed.
const COMPRESSED: u64 = 1 << 16;

struct Vmdk;

/// A number in an image: its bytes are there.
fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    bytes[at..at + size].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

struct Header {
    flags: u64,
    sectors: u64,
    description: u64, // in sectors, as its size is
    description_size: u64,
}

fn refuse(drive: &Drive, what: &str) -> Error {
    Error::new(Code::Invalid, format!("{} {}", drive.path().display(), what))
        .of("file")
        .hint("Convert it: qemu-img convert -O vmdk")
}

fn read(drive: &Drive, image: &Image, offset: u64, size: usize) -> Result<Vec<u8>> {
    image.read(offset, size).map_err(|error| {
        let path = drive.path().display();
        Error::new(Code::Failed, format!("cannot read {path}: {error}")).of("file")
    })
}

fn read_header(drive: &Drive, image: &Image) -> Result<Header> {
    let bytes = read(drive, image, 0, HEADER_BYTES)?;
    if bytes.starts_with(b"# Disk DescriptorFile") {
        return Err(refuse(drive, "only names the files that hold its data"));
    }
    if bytes.len() < HEADER_BYTES || !bytes.starts_with(b"KDMV") {
        return Err(refuse(drive, "is no VMDK image in one file"));
    }
    let header = Header {
        flags: number(&bytes, 8, 4),
        sectors: number(&bytes, 12, 8),
        description: number(&bytes, 28, 8),
        description_size: number(&bytes, 36, 8),
    };
    // Then QEMU goes by the description, which may name any file.
    if header.sectors == 0 {
        return Err(refuse(drive, "only names the files that hold its data"));
    }
    Ok(header)
}

/// What the description says of a key: `key="value"` on a line of its own.
fn described<'a>(description: &'a [u8], key: &str) -> Option<&'a [u8]> {
    description.split(|&byte| byte == b'\n' || byte == 0).find_map(|line| {
        let rest = line.strip_prefix(key.as_bytes())?.strip_prefix(b"=\"")?;
        rest.split(|&byte| byte == b'"').next()
    })
}

impl Storage for Vmdk {
    fn space(drive: &Drive) -> Result<Space> {
        let size = drive.size("size");
        if size == 0 {
            let path = drive.path().display();
            let message = format!("{path} is not there yet, and making it needs a `size`");
            return Err(Error::new(Code::Invalid, message)
                .of("size")
                .hint("Add a line such as `size: 20G`"));
        }
        // Each table, and each entry in the list of tables, is there twice.
        let tables = size / (GRAIN * GRAINS_OF_TABLE) + 1;
        let at_once = GRAIN + 2 * (tables * (4 * GRAINS_OF_TABLE + 4) + SECTOR);
        let data = (size / GRAIN + 1) * GRAIN;
        Ok(Space { at_once, at_most: at_once + data })
    }

    fn create(drive: &Drive, path: &Path) -> Result<()> {
        let adapter = drive.string("adapter").unwrap_or("ide");
        Command::new("qemu-img")
            .arg("create")
            .arg("-q")
            .arg("-f")
            .arg("vmdk")
            .arg("-o")
            .arg(format!("subformat=monolithicSparse,adapter_type={adapter}"))
            .arg("--")
            .arg(path)
            .arg(drive.size("size").to_string())
            .run()
    }

    fn inspect(drive: &Drive, image: &mut Image) -> Result<()> {
        let header = read_header(drive, image)?;
        if header.flags & COMPRESSED != 0 && !drive.readonly() {
            return Err(refuse(drive, "is compressed and can only be read")
                .hint("Convert it: qemu-img convert -O vmdk; or add `readonly: true`"));
        }
        let size = header.description_size.saturating_mul(SECTOR).min(DESCRIPTION_MAX);
        let offset = header.description.saturating_mul(SECTOR);
        let description = read(drive, image, offset, size as usize)?;
        if let Some(parent) = described(&description, "parentFileNameHint") {
            image.names_file("parent", parent);
        }
        image.format("vmdk");
        image.virtual_size(header.sectors.saturating_mul(SECTOR));
        Ok(())
    }

    fn emit_args(drive: &Drive, args: &mut Args) -> Result<()> {
        let mut node = args.blockdev(drive.node());
        node.string("driver", "vmdk")
            .string("file.driver", "file")
            .string("file.filename", drive.path());
        if drive.readonly() {
            node.bool("read-only", true);
        }
        Ok(())
    }
}

static ADAPTERS: Words<5> =
    Words([c!("ide"), c!("lsilogic"), c!("buslogic"), c!("legacyESX"), null()]);
static OPTIONS: [OptionRow; 5] = [
    OptionRow { name: c!("file"), kind: Type::Path, help: c!("the image, made when it is missing"), ..OPTION },
    OptionRow {
        name: c!("size"),
        kind: Type::Size,
        flags: LIMITS,
        minimum: 512,
        maximum: 2 << 40,
        help: c!("size that the guest sees, such as 20G; used when the image is made"),
        ..OPTION
    },
    OptionRow {
        name: c!("adapter"),
        kind: Type::Choice,
        choices: ADAPTERS.0.as_ptr(),
        fallback: c!("ide"),
        help: c!("the controller that VMware shows its guest; used when the image is made"),
        ..OPTION
    },
    OptionRow { name: c!("readonly"), kind: Type::Bool, help: c!("the guest may only read"), ..OPTION },
    OPTION,
];
static PLUGIN: StoragePlugin = StoragePlugin {
    name: c!("vmdk"),
    summary: c!("VMware disk images in one file"),
    version: c!("0.1.0"),
    options: OPTIONS.as_ptr(),
    flags: HOTPLUG,
    interface: c!("virtio"),
    path_option: c!("file"),
    size_option: c!("size"),
    readonly_option: c!("readonly"),
    creation: Creation::Once,
    ..StoragePlugin::new::<Vmdk>()
};

/// The one symbol that is exported.
#[no_mangle]
pub extern "C" fn maqet_storage_plugin() -> *const StoragePlugin {
    &PLUGIN
}
