//! Discovery as a whole: what people apply, and what is suggested and written for it.

mod gateways;
mod kit;
mod suggestions;
mod writes;
