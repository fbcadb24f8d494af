//! What systemd is told, over a socket of the test's own.

use std::os::unix::net::UnixDatagram;

use crate::world::{PATIENCE, Serving, World};

/// The variables of the next message.
fn next(socket: &UnixDatagram) -> Vec<(String, String)> {
    let mut buffer = [0_u8; 4096];
    let length = socket.recv(&mut buffer).expect("a message in time");
    let text = String::from_utf8(buffer[..length].to_vec()).expect("text");
    let variables = text.lines().filter_map(|line| line.split_once('='));
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Reads on until a message has this variable; what comes in between may only be a sign of life or a line.
fn until(socket: &UnixDatagram, name: &str) -> Vec<(String, String)> {
    loop {
        let message = next(socket);
        if message.iter().any(|(found, _)| found == name) {
            return message;
        }
        let expected = |(found, _): &(String, String)| found == "WATCHDOG" || found == "STATUS";
        assert!(message.iter().all(expected), "{message:?} before {name}");
    }
}

fn value<'a>(message: &'a [(String, String)], name: &str) -> &'a str {
    message.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
}

/// Given a service manager with a watchdog, when the daemon starts, is told to reload and then to stop, then it says
/// READY, WATCHDOG, RELOADING, READY and STOPPING in this order, and ends well.
#[test]
fn a_whole_life_is_told_to_systemd() {
    let world = World::new();
    let path = world.path("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut command = world.payoutd(&["serve"]);
    let serving = Serving::start(command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000"));

    let ready = until(&socket, "READY");
    assert_eq!(value(&ready, "READY"), "1");
    assert_eq!(value(&ready, "STATUS"), "0 due, 0 held; no run yet");
    for _ in 0..3 {
        assert_eq!(value(&until(&socket, "WATCHDOG"), "WATCHDOG"), "1");
    }

    serving.signal("HUP");
    let reloading = until(&socket, "RELOADING");
    assert_eq!(value(&reloading, "RELOADING"), "1");
    assert!(value(&reloading, "MONOTONIC_USEC").parse::<u64>().is_ok_and(|at| at > 0), "{reloading:?}");
    assert_eq!(value(&until(&socket, "READY"), "READY"), "1");

    serving.signal("TERM");
    assert_eq!(value(&until(&socket, "STOPPING"), "STOPPING"), "1");
    assert_eq!(serving.ended().code(), Some(0));
}

/// A watchdog that is meant for another process (a wrapper's) is not fed.
#[test]
fn a_watchdog_of_another_process_is_left_alone() {
    let world = World::new();
    let path = world.path("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut command = world.payoutd(&["serve"]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "1000").env("WATCHDOG_PID", "1");
    let serving = Serving::start(&mut command);
    until(&socket, "READY");
    serving.signal("TERM");
    assert!(next(&socket).iter().any(|(name, _)| name == "STOPPING"), "nothing came before it");
    assert_eq!(serving.ended().code(), Some(0));
}
