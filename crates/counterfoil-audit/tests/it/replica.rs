//! A foreign chain kept durably: what is on disk, what is known already, retention, crashes and failing disks.

mod crashes;
mod keeping;
mod support;
