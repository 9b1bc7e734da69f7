//! Telling people: renders events into messages, sends them through providers, and carries the
//! outbox to its end.
//!
//! One provider is one file ([`webhook`], [`smtp`], [`slack`], …) and one line in
//! [`channel::channel`]. Providers say [`DeliveryError::Retryable`] or
//! [`DeliveryError::Permanent`]; only the [`Deliverer`] tries again. What follows an attempt is
//! decided in `kuma_core::delivery`.

mod alertmanager;
mod apprise;
mod cause;
pub mod channel;
mod condition;
mod deliverer;
mod discord;
mod egress;
mod gotify;
mod hash;
mod heartbeat;
mod http;
mod human;
pub mod message;
mod over;
mod pagerduty;
mod pushover;
mod reach;
mod render;
mod rest;
mod secrets;
mod slack;
mod smtp;
mod teams;
mod telegram;
mod text;
mod tunnel;
mod webhook;

pub use channel::{Channel, Payload, Receipt, SendContext, Transports, channel};
pub use deliverer::{Deliverer, DelivererConfig, Feedback, ProviderHealth};
pub use egress::Names;
pub use heartbeat::Heartbeat;
pub use kuma_core::delivery::{DeliveryError, DeliveryReason};
pub use message::{Field, Link, Message, Severity};
pub use render::{RenderInput, render};
