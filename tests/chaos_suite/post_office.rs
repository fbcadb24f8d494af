//! A mail server in a bad mood: it refuses, hangs, or hangs up in the middle, as it is told; and keeps what it took.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Well,
    /// The connection is closed before a word is said.
    Closed,
    /// It takes the connection and never greets.
    Silent,
    /// It would rather be asked later.
    Busy,
    /// It hangs up while the email is read to it.
    HangsUpInTheMiddle,
    /// It takes the email, and says nothing more.
    ForgetsToAnswer,
}

impl Mood {
    pub const BAD: [Mood; 5] =
        [Mood::Closed, Mood::Silent, Mood::Busy, Mood::HangsUpInTheMiddle, Mood::ForgetsToAnswer];
}

struct Desk {
    mood: Mood,
    visits: usize,
    received: Vec<Vec<u8>>,
}

#[derive(Clone)]
pub struct PostOffice {
    pub port: u16,
    desk: Arc<Mutex<Desk>>,
}

impl PostOffice {
    /// Its thread waits for visitors until the process ends.
    pub fn open() -> Result<PostOffice> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a port for mail")?;
        let port = listener.local_addr()?.port();
        let desk = Arc::new(Mutex::new(Desk { mood: Mood::Well, visits: 0, received: Vec::new() }));
        let office = PostOffice { port, desk };
        let inside = office.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let inside = inside.clone();
                // A client that goes away is nothing to it.
                std::thread::spawn(move || inside.serve(stream).ok());
            }
        });
        Ok(office)
    }

    pub fn be(&self, mood: Mood) {
        self.desk().mood = mood;
    }

    /// Connections made so far.
    pub fn visits(&self) -> usize {
        self.desk().visits
    }

    /// Every email that it read to the end, also where it did not say so.
    pub fn received(&self) -> Vec<Vec<u8>> {
        self.desk().received.clone()
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mood = {
            let mut desk = self.desk();
            desk.visits += 1;
            desk.mood
        };
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let (mut say, mut lines) = (stream.try_clone()?, BufReader::new(stream));
        let mut line = Vec::new();
        match mood {
            Mood::Closed => return Ok(()),
            Mood::Silent => return lines.read_until(b'\n', &mut line).map(drop),
            _ => say.write_all(b"220 mail.example.com\r\n")?,
        }
        while lines.read_until(b'\n', &mut line)? > 0 {
            let verb = String::from_utf8_lossy(&line).split_whitespace().next().unwrap_or_default().to_uppercase();
            line.clear();
            match (verb.as_str(), mood) {
                ("MAIL", Mood::Busy) => say.write_all(b"451 come again later\r\n")?,
                ("DATA", Mood::HangsUpInTheMiddle) => {
                    say.write_all(b"354 go on\r\n")?;
                    return lines.read_until(b'\n', &mut line).map(drop);
                }
                ("DATA", _) => {
                    say.write_all(b"354 go on\r\n")?;
                    let email = content(&mut lines)?;
                    self.desk().received.push(email);
                    if mood == Mood::ForgetsToAnswer {
                        return lines.read_until(b'\n', &mut line).map(drop);
                    }
                    say.write_all(b"250 taken\r\n")?;
                }
                ("QUIT", _) => return say.write_all(b"221 bye\r\n"),
                _ => say.write_all(b"250 fine\r\n")?,
            }
        }
        Ok(())
    }
}

/// Up to the line with the single dot; other dots at the beginning of a line were doubled.
fn content(lines: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let (mut email, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(email);
        }
        email.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}
