//! What every store promises. Written against the port, so that another store can pass it too.

mod outbox;
