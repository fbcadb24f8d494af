//! The mail room, from the notice to the next server: its words, what hostile text can do to them (nothing), and each
//! way out, SMTP against a real server on a real socket.

mod files;
mod hostile;
mod samples;
mod sendmail;
mod smtp;
mod smtp_server;
mod words;
