//! The disk is full.

use std::path::PathBuf;

use kuma_fixture::lacking;
use serde_json::json;

use super::{basics, own_trouble, ready, told_once, tool};
use crate::fixture::Site;
use crate::kit::Home;
use crate::kit::documents::web;

/// The database on it.
const URL: &str = "sqlite:./disk/kubekuma.db";

/// A small disk of its own.
struct Disk(PathBuf);

impl Disk {
    fn mount(home: &Home) -> Option<Self> {
        let folder = home.path().join("disk");
        std::fs::create_dir(&folder).unwrap();
        let at = folder.to_str().unwrap();
        let mounted = tool("mount", &["-t", "tmpfs", "-o", "size=3m", "kubekuma-test", at]);
        mounted.then_some(Self(folder))
    }

    /// Leaves no byte.
    fn fill(&self) {
        let filler = std::fs::File::create(self.0.join("filler")).unwrap();
        let mut filler = std::io::BufWriter::with_capacity(4_096, filler);
        while std::io::Write::write_all(&mut filler, &[0; 4_096]).is_ok() {}
        // What is still buffered finds no room either.
        let _ = filler.into_parts();
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        tool("umount", &["-l", self.0.to_str().unwrap()]);
    }
}

#[test]
fn a_full_disk_is_said_and_checks_and_pages_go_on_without_it() {
    let (target, bystander, receiver) = (Site::start(), Site::start(), Site::start());
    let home = Home::new();
    let Some(disk) = Disk::mount(&home) else {
        return lacking("the right to mount, for a disk that is full: run as root");
    };
    basics(&home, &receiver, json!({}));
    home.write("web.yaml", &[web("fails", &target.url("/")), web("stays", &bystander.url("/"))]);
    let kuma = home.serve_with(&["--database", URL], &[]);
    kuma.becomes("fails", "up");
    kuma.becomes("stays", "up");

    disk.fill();
    // Whatever is written next finds no room.
    target.answer_with(503);
    ready(&kuma, false);
    receiver.hears("fails", "down");
    own_trouble(&receiver, 1);
    let seen = bystander.requests().len();
    crate::kit::until("checks to go on", || {
        let more = bystander.requests().len() - seen;
        if more >= 3 { Ok(()) } else { Err(format!("{more}")) }
    });

    disk.make_room();
    ready(&kuma, true);
    assert_eq!(kuma.incident("fails", true)["monitorId"], "kubekuma/fails");
    target.answer_with(200);
    kuma.incident("fails", false);
    receiver.hears("fails", "up");
    own_trouble(&receiver, 2);
    told_once(&receiver, "fails");
    assert!(receiver.told("stays", "down").is_empty());
    let check = home.run(&["db", "--database", URL, "check"]);
    assert_eq!(check.code, 0, "{check:?}");
    // The process ends before its disk does.
    kuma.kill();
}
