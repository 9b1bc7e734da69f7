//! Admission: verdicts, conversions, and both over a real TLS socket.

mod conversions;
mod sockets;
mod verdicts;
