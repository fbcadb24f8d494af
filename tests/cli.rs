//! The command line, as people and programs use it: the real program, what it prints, and how it refuses.

#[path = "cli/program.rs"]
mod program;

#[path = "cli/books.rs"]
mod books;
#[path = "cli/demo.rs"]
mod demo;
#[path = "cli/desk.rs"]
mod desk;
#[path = "cli/help.rs"]
mod help;
#[path = "cli/refund.rs"]
mod refund;
#[path = "cli/refusals.rs"]
mod refusals;
#[path = "cli/shown.rs"]
mod shown;
#[path = "cli/withdraw.rs"]
mod withdraw;
