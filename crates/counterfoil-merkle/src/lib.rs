//! RFC 6962 tree hashes, C2SP signed notes and checkpoints: pure, no I/O
