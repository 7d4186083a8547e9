//! What lies on a stick, written by hand: no tool of another package is needed.

use std::fs;
use std::path::{Path, PathBuf};

const SECTOR: usize = 512;
const SECTORS: u16 = 16 * 1024;
const SECTORS_PER_TABLE: u16 = 64;
const ROOT_ENTRIES: u16 = 512;

/// Writes a FAT16 file system of 8 MiB with this label and volume number; Linux shows the number as
/// four hexadecimal digits, a hyphen and four more.
pub fn fat(folder: &Path, name: &str, label: &str, number: u32) -> PathBuf {
    written(folder, name, &fat_bytes(label, number))
}

/// Writes a disk with one partition for each of these file systems of FAT: a label and a number.
pub fn partitioned(folder: &Path, name: &str, partitions: &[(&str, u32)]) -> PathBuf {
    const FAT16: u8 = 0x06;
    const ENTRIES_AT: usize = 446;
    let mut disk = vec![0; SECTOR];
    for (index, (label, number)) in partitions.iter().enumerate().take(4) {
        let start = u32::try_from(disk.len() / SECTOR).expect("small");
        let entry = &mut disk[ENTRIES_AT + 16 * index..][..16];
        entry[4] = FAT16;
        entry[8..12].copy_from_slice(&start.to_le_bytes());
        entry[12..16].copy_from_slice(&u32::from(SECTORS).to_le_bytes());
        disk.extend(fat_bytes(label, *number));
    }
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    written(folder, name, &disk)
}

/// Writes this many MiB of nothing.
pub fn blank(folder: &Path, name: &str, mebibytes: usize) -> PathBuf {
    written(folder, name, &vec![0; mebibytes << 20])
}

/// Writes a disc with an ISO 9660 label and nothing else on it (ECMA-119, 8.4).
pub fn disc(folder: &Path, name: &str, label: &str) -> PathBuf {
    const BLOCK: usize = 2048;
    let mut bytes = vec![0; 64 * BLOCK];
    for (block, kind) in [(16, 1), (17, 255)] {
        let descriptor = &mut bytes[block * BLOCK..][..BLOCK];
        descriptor[0] = kind;
        descriptor[1..6].copy_from_slice(b"CD001");
        descriptor[6] = 1;
        if kind == 1 {
            descriptor[8..72].fill(b' ');
            descriptor[40..40 + label.len()].copy_from_slice(label.as_bytes());
            descriptor[80] = 64;
            descriptor[87] = 64;
            // Created in 2026, first of January: Linux shows the moment as the disc's UUID.
            descriptor[813..829].copy_from_slice(b"2026010100000000");
        }
    }
    written(folder, name, &bytes)
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).expect("a temporary folder can be written");
    path
}

fn fat_bytes(label: &str, number: u32) -> Vec<u8> {
    let label: Vec<u8> = label.bytes().chain(std::iter::repeat(b' ')).take(11).collect();
    let mut boot = Vec::with_capacity(SECTOR);
    boot.extend(b"\xeb\x3c\x90DAICHO  ");
    boot.extend(512_u16.to_le_bytes());
    // One sector a cluster, one reserved sector, two tables.
    boot.extend([1, 1, 0, 2]);
    boot.extend(ROOT_ENTRIES.to_le_bytes());
    boot.extend(SECTORS.to_le_bytes());
    boot.push(0xf8);
    boot.extend(SECTORS_PER_TABLE.to_le_bytes());
    // Geometry, hidden sectors, many sectors: none of it is looked at.
    boot.extend([32, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    boot.extend([0x80, 0, 0x29]);
    boot.extend(number.to_le_bytes());
    boot.extend(&label);
    boot.extend(b"FAT16   ");
    boot.resize(SECTOR - 2, 0);
    boot.extend([0x55, 0xaa]);
    let mut bytes = boot;
    bytes.resize(usize::from(SECTORS) * SECTOR, 0);
    let table = usize::from(SECTORS_PER_TABLE) * SECTOR;
    for start in [SECTOR, SECTOR + table] {
        bytes[start..start + 4].copy_from_slice(&[0xf8, 0xff, 0xff, 0xff]);
    }
    // The root's first entry is the label.
    let root = SECTOR + 2 * table;
    bytes[root..root + 11].copy_from_slice(&label);
    bytes[root + 11] = 8;
    bytes
}
