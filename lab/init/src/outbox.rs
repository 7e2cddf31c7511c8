//! The deterministic guest's way out: a debug port that takes one byte at a time.
//!
//! A virtio-serial device shifts such a guest's timer ticks from boot to boot even while no
//! driver has touched it. This port has no driver, no interrupt and no connection.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, Write},
    os::unix::fs::FileExt,
};

use anyhow::{Context, Result};
use lab_init::{
    Message,
    wire::{Chunks, DEBUG_PORT},
};

use crate::named;

const PORTS: &str = "/dev/port";

pub(crate) struct Outbox(File);

impl Outbox {
    pub(crate) fn open() -> Result<Self> {
        let port = OpenOptions::new()
            .write(true)
            .open(PORTS)
            .with_context(|| format!("cannot open {PORTS}"))?;
        Ok(Self(port))
    }

    pub(crate) fn send(&self, message: &Message) -> io::Result<()> {
        message.write(&mut &*self)
    }

    /// Sends a file's content; a file that is not there is empty.
    pub(crate) fn send_file(&self, path: &str, wrap: fn(Vec<u8>) -> Message) -> Result<()> {
        match File::open(path) {
            Ok(file) => {
                let mut to = Chunks(|bytes| self.send(&wrap(bytes)));
                named(
                    &format!("send {path}"),
                    io::copy(&mut BufReader::new(file), &mut to),
                )?;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot open {path}")),
        }
    }
}

impl Write for &Outbox {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Two bytes in one call would go to two neighbouring ports.
        for byte in bytes {
            self.0
                .write_all_at(std::slice::from_ref(byte), DEBUG_PORT)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
