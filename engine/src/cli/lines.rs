//! `run --commands`: lines that come while a run goes on.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// The lines of a file: all of them are there before the run begins. Those of a pipe, or of stdin (`-`), as they come; a named
/// pipe has no end, so that one writer after another can say something.
pub(super) fn lines(path: &Path) -> Result<Receiver<String>, String> {
    let (send, receive) = channel();
    let refused = |e: std::io::Error| format!("cannot read commands from {}: {e}", path.display());
    let file = path.to_owned();
    let open = move || -> std::io::Result<Box<dyn Read>> {
        match file.as_os_str() == "-" {
            true => Ok(Box::new(std::io::stdin())),
            // Who can write on a pipe keeps it open.
            false if std::fs::metadata(&file)?.file_type().is_fifo() => {
                Ok(Box::new(File::options().read(true).write(true).open(&file)?))
            }
            false => Ok(Box::new(File::open(&file)?)),
        }
    };
    // Whoever reads goes away with the process, or when nobody listens any more.
    let pass = move |read: Box<dyn Read>| {
        for line in BufReader::new(read).lines() {
            if line.map_or(true, |line| send.send(line).is_err()) {
                return;
            }
        }
    };
    if path.as_os_str() != "-" && std::fs::metadata(path).map_err(refused)?.is_file() {
        pass(open().map_err(refused)?);
    } else {
        let listen = move || open().map(pass).unwrap_or_default();
        thread::Builder::new().name("commands".into()).spawn(listen).map_err(refused)?;
    }
    Ok(receive)
}
