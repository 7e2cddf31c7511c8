//! The two virtio-serial ports to the host.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use lab_init::{
    Message,
    wire::{CONTROL_PORT, Chunks, DATA_PORT},
};

use crate::named;

const HEARTBEAT: Duration = Duration::from_secs(2);

/// Both ports, open; cheap to clone into a thread.
#[derive(Clone)]
pub(crate) struct Link {
    data: Arc<Mutex<File>>,
    control: Arc<Mutex<File>>,
}

impl Link {
    /// Waits for the ports and opens them.
    pub(crate) fn open() -> Result<Self> {
        Ok(Self {
            data: Arc::new(Mutex::new(open(&find(DATA_PORT)?)?)),
            control: Arc::new(Mutex::new(open(&find(CONTROL_PORT)?)?)),
        })
    }

    /// Sends one message on the data port. The driver returns when the host has taken it.
    pub(crate) fn send(&self, message: &Message) -> io::Result<()> {
        message.write(&mut *self.data.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends a stream in chunks.
    pub(crate) fn send_all(
        &self,
        from: &mut impl Read,
        wrap: fn(Vec<u8>) -> Message,
    ) -> io::Result<()> {
        io::copy(from, &mut Chunks(|bytes| self.send(&wrap(bytes))))?;
        Ok(())
    }

    /// Calls `on` for each message from the host, on threads of their own. A virtio port opens
    /// once only, so the readers work on duplicates.
    pub(crate) fn listen(&self, on: impl Fn(Message) + Send + Clone + 'static) -> Result<()> {
        for port in [&self.data, &self.control] {
            let port = port.lock().unwrap_or_else(PoisonError::into_inner);
            let mut port = named("duplicate a port", port.try_clone())?;
            let on = on.clone();
            thread::spawn(move || {
                while let Ok(Some(message)) = Message::read(&mut port) {
                    on(message);
                }
            });
        }
        Ok(())
    }

    /// Tells the host every two seconds that the guest is alive.
    pub(crate) fn start_heartbeat(&self) {
        let control = Arc::clone(&self.control);
        thread::spawn(move || {
            loop {
                let mut port = control.lock().unwrap_or_else(PoisonError::into_inner);
                if Message::Heartbeat.write(&mut *port).is_err() {
                    return;
                }
                drop(port);
                thread::sleep(HEARTBEAT);
            }
        });
    }
}

fn open(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

/// The device node of the port called `name`.
fn find(name: &str) -> Result<PathBuf> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        for entry in fs::read_dir("/sys/class/virtio-ports")
            .into_iter()
            .flatten()
            .flatten()
        {
            let found = fs::read_to_string(entry.path().join("name")).unwrap_or_default();
            let node = Path::new("/dev").join(entry.file_name());
            if found.trim() == name && node.exists() {
                return Ok(node);
            }
        }
        thread::sleep(Duration::from_millis(10));
    }
    bail!("the virtio port {name} did not appear")
}
